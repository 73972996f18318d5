"""What a run leaves behind: every single figure, and what is made of them."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.algorithm.contestants import OURS
from bench.algorithm.jobs import VERBS, Objects
from bench.algorithm.running import Run
from bench.results import Spread


@dataclass(frozen=True)
class Case:
    """One set of objects, moved one way."""

    verb: str
    objects: str


@dataclass
class Start:
    """Seconds of a program that does nothing, and of one that moves the tiny object, by verb."""

    nothing: list[float] = field(default_factory=list)
    tiny: dict[str, list[float]] = field(default_factory=lambda: {verb: [] for verb in VERBS})


@dataclass(frozen=True)
class Overhead:
    """Milliseconds of tasks that do nothing, in turns: ours, and those of the other server."""

    other: str
    ours_ms: list[float]
    other_ms: list[float]

    @property
    def ratio(self) -> float:
        """Ours over the other's, by their medians."""
        return statistics.median(self.ours_ms) / statistics.median(self.other_ms)


@dataclass
class Results:
    """All that one run found. runs: by case, then by contestant, a Run a round."""

    date: str
    command: str
    machine: dict[str, str]
    rounds: int
    objects: list[Objects]
    runs: dict[Case, dict[str, list[Run]]] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    overheads: list[Overhead] = field(default_factory=list)
    not_measured: list[str] = field(default_factory=list)

    def of(self, case: Case) -> Objects:
        return next(objects for objects in self.objects if objects.name == case.objects)

    def whole(self, case: Case, name: str) -> Spread:
        """Seconds of the whole process."""
        return Spread.of([run.seconds for run in self.runs[case][name]])

    def transfer(self, case: Case, name: str) -> Spread:
        """Seconds without the start: of the call in a library, else less those for the tiny object.

        The least of those: what else the machine does only ever adds to a start, and less than none is left
        of a short transfer where that is taken off, too.
        """
        start = min(self.starts[name].tiny[case.verb]) if name in self.starts else 0.0
        return Spread.of(
            [
                run.seconds - start if run.call_seconds is None else run.call_seconds
                for run in self.runs[case][name]
            ]
        )

    def peak_mb(self, case: Case, name: str) -> float:
        return max(run.peak_mb for run in self.runs[case][name])

    def cpu_seconds(self, case: Case, name: str) -> float:
        return statistics.median(run.cpu_seconds for run in self.runs[case][name])

    def best_other(self, case: Case, whole: bool) -> str:
        """Who of the others is fastest, with its start (whole) or without."""
        seconds = self.whole if whole else self.transfer
        others = [name for name in self.runs[case] if name != OURS]
        return min(others, key=lambda name: seconds(case, name).median)

    def ratio(self, case: Case, other: str, whole: bool) -> float:
        """How many times as fast as this one ours is."""
        seconds = self.whole if whole else self.transfer
        return seconds(case, other).median / seconds(case, OURS).median

    def write(self, path: Path) -> None:
        """Write every figure as JSON."""
        raw = vars(self) | {
            "objects": [asdict(objects) for objects in self.objects],
            "runs": [
                asdict(case) | {"who": name, "rounds": [*map(asdict, runs)]}
                for case, by_name in self.runs.items()
                for name, runs in by_name.items()
            ],
            "starts": [{"who": name} | asdict(start) for name, start in self.starts.items()],
            "overheads": [asdict(overhead) for overhead in self.overheads],
        }
        path.write_text(json.dumps(raw, indent=1) + "\n")
