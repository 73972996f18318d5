"""What a run of the bench leaves behind: every single figure, and the medians taken of them."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.load import Load
from bench.memory import Memory


@dataclass(frozen=True)
class Case:
    """One thing that is measured on one server. connections is 0 and body "" where nothing is posted."""

    server: str
    workers: int
    model: str
    body: str = ""
    connections: int = 0


@dataclass(frozen=True)
class Image:
    """One image's size, or why there is none."""

    name: str
    tag: str
    size_mb: float | None
    missing: str = ""


@dataclass(frozen=True)
class Spread:
    """The median of a figure over the rounds, with the least and the greatest."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Results:
    """All that one run found. loads, starts (in seconds) and memories hold a figure a round."""

    date: str
    command: str
    machine: dict[str, str]
    default_class: str
    rounds: int
    seconds: int
    loads: dict[Case, list[Load]] = field(default_factory=dict)
    starts: dict[Case, list[float]] = field(default_factory=dict)
    memories: dict[Case, list[Memory]] = field(default_factory=dict)
    images: list[Image] = field(default_factory=list)
    no_load: str | None = None

    def load(self, case: Case, figure: str) -> Spread:
        """The spread of one field of Load; raises KeyError where the case was not measured."""
        return Spread.of([getattr(load, figure) for load in self.loads[case]])

    def write(self, path: Path) -> None:
        """Write every figure as JSON: the cases as lists, each with its rounds in order."""
        raw = vars(self) | {
            "loads": [asdict(case) | {"rounds": [*map(asdict, r)]} for case, r in self.loads.items()],
            "starts": [asdict(case) | {"seconds": r} for case, r in self.starts.items()],
            "memories": [asdict(case) | {"rounds": [*map(asdict, r)]} for case, r in self.memories.items()],
            "images": [asdict(image) for image in self.images],
        }
        path.write_text(json.dumps(raw, indent=1) + "\n")
