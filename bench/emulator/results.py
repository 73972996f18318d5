"""What a run leaves behind, and what was expected of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.emulator.invocations import STRAIGHT, THROUGH, Invocations
from bench.emulator.transforms import MEMORY_MB, Transform
from bench.pages import Verdict
from bench.results import Spread

READY_SECONDS, HELP_SECONDS, ADDED_MS, BUSY = 3.0, 0.3, 5.0, 0.95
GROWTH = 0.1  # of what the input is larger


@dataclass
class Results:
    """All that one run found. ready, help: seconds, a figure a start; peaks: MB by the input's MiB."""

    date: str
    command: str
    machine: dict[str, str]
    rounds: int
    ready: list[float] = field(default_factory=list)
    help: list[float] = field(default_factory=list)
    invocations: list[Invocations] = field(default_factory=list)
    transforms: list[Transform] = field(default_factory=list)
    peaks: dict[int, float] = field(default_factory=dict)

    def p50(self, way: str, size: str) -> float:
        """Milliseconds a request."""
        return next(one.p50_ms for one in self.invocations if (one.way, one.size) == (way, size))

    def transform(self, way: str, figure: str) -> Spread:
        """The spread of one field of Transform."""
        return Spread.of([float(getattr(one, figure)) for one in self.transforms if one.way == way])

    def write(self, path: Path) -> None:
        """Every figure as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def verdicts(results: Results) -> list[Verdict]:
    """What the emulator is to keep to."""
    ready, said = Spread.of(results.ready).median, Spread.of(results.help).median
    size = results.invocations[0].size
    added = results.p50(THROUGH, size) - results.p50(STRAIGHT, size)
    share = results.transform("transform job", "share").median
    small, large = (results.peaks[size] for size in MEMORY_MB)
    more = (large - small) / ((MEMORY_MB[1] - MEMORY_MB[0]) * 2**20 / 1e6)
    grown = f"{large - small:+.0f} MB from {MEMORY_MB[0]} MiB to {MEMORY_MB[1]} MiB"
    return [
        Verdict("ready", f"< {READY_SECONDS:.0f} s", f"{ready:.2f} s", ready < READY_SECONDS),
        Verdict("`longshore --help`", f"< {HELP_SECONDS} s", f"{said:.2f} s", said < HELP_SECONDS),
        Verdict(
            f"added to an invocation of {size}, p50",
            f"< {ADDED_MS:.0f} ms",
            f"{added:.2f} ms",
            added < ADDED_MS,
        ),
        Verdict("a transform keeps the program busy", f"≥ {BUSY:.0%}", f"{share:.1%}", share >= BUSY),
        Verdict("memory by the input's size", f"≤ {GROWTH:.0%} of the difference", grown, more <= GROWTH),
    ]
