"""`python -m bench.pressure`: measure, and write the page. `--quick` for a first look, in two minutes."""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import BenchError, machine, pages
from bench.load import why_no_wrk
from bench.pressure import fairness, idle, losses, overload, page, plots, size
from bench.pressure.results import Results
from bench.pressure.verdicts import verdicts


@dataclass(frozen=True)
class Extent:
    """How long a run takes. seconds: of load a round; requests: of the long run."""

    rounds: int
    seconds: int
    losses: int
    bodies: int
    idle_seconds: int
    requests: int
    long_seconds: int


FULL = Extent(3, seconds=3, losses=3, bodies=4, idle_seconds=30, requests=1_000_000, long_seconds=10)
QUICK = Extent(1, seconds=2, losses=1, bodies=1, idle_seconds=5, requests=50_000, long_seconds=2)


def main() -> int:
    """Exit code 0, or 1 where a measurement failed. A missed expectation is a finding, no failure."""
    options = _options()
    if (missing := why_no_wrk()) is not None:
        print(f"Nothing is measured: {missing}.", file=sys.stderr)
        return 0
    extent = QUICK if options.quick else FULL
    results = Results(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command="make bench" + (" ARGS=--quick" if options.quick else ""),
        machine=machine.describe(),
        default_class=machine.default_class(),
        rounds=extent.rounds,
    )
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as folder:
        try:
            _measure(results, extent, Path(folder))
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    _write(results, pages.folder(options))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pressure", description=__doc__)
    pages.options(parser, "one short round of each case, as a first look")
    return parser.parse_args()


def _measure(results: Results, extent: Extent, folder: Path) -> None:
    fairness.measure(results, extent.seconds, folder)
    overload.measure(results, extent.seconds, folder)
    slowest = min(step.capacity for step in results.steps)
    losses.measure(results, slowest / 2, extent.losses)
    size.copies(results, folder)
    size.bodies(results, extent.bodies)
    idle.measure(results, extent.idle_seconds, folder)
    size.long_run(results, extent.requests, extent.long_seconds, folder)


def _write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "pressure.json")
    (folder / "pressure.md").write_text(page.render(results))
    plots.draw(results, folder / "results")
    pages.tell(verdicts(results))
    print(f"Written: {folder / 'pressure.md'}")


if __name__ == "__main__":
    sys.exit(main())
