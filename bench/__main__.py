"""`python -m bench`: measure, and write the page. `--quick` for a first look, in about a minute."""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from pathlib import Path

from bench import BenchError, machine, measure, page, pages, plots
from bench.load import why_no_wrk
from bench.results import Results


def main() -> int:
    """Exit code 0, or 1 where a measurement failed. A missed expectation is a finding, no failure."""
    options = _options()
    extent = measure.QUICK if options.quick else measure.FULL
    results = Results(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command="make bench" + (" ARGS=--quick" if options.quick else ""),
        machine=machine.describe(),
        default_class=machine.default_class(),
        rounds=extent.rounds,
        seconds=extent.seconds,
        no_load=why_no_wrk(),
    )
    if results.no_load:
        print(f"Requests, latency and memory are skipped: {results.no_load}.", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as folder:
        try:
            measure.everything(results, extent, Path(folder))
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    results.images = [
        machine.image("Classic", options.classic_image),
        machine.image("Longshore", options.image),
    ]
    _write(results, pages.folder(options))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    pages.options(parser, "one short round of each case, as a first look")
    parser.add_argument("--image", default="longshore:bench", metavar="TAG", help="our image, to be weighed")
    parser.add_argument("--classic-image", default="longshore-bench:classic", metavar="TAG")
    return parser.parse_args()


def _write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "results.json")
    (folder / "results.md").write_text(page.render(results))
    if not results.no_load:
        plots.draw(results, folder / "results")
        for what, workers, expected, measured, met in page.verdicts(results):
            said = "met    " if met else "NOT MET"
            print(f"{said}  {what}, {workers} worker(s): {measured}, expected {expected}")
    print(f"Written: {folder / 'results.md'}")


if __name__ == "__main__":
    sys.exit(main())
