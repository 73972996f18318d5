"""`python -m bench.peers`: measure, and write the page. `--quick` for a first look, in a few minutes."""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from pathlib import Path

from bench import BenchError, environments, machine, pages
from bench.load import why_no_wrk
from bench.peers import measure, page, plots
from bench.peers.results import Results


def main() -> int:
    """Exit code 0, or 1 where a measurement failed. A missed expectation is a finding, no failure."""
    options = _options()
    missing = why_no_wrk()
    if missing:
        print(f"bench: the other servers are not measured: {missing}.", file=sys.stderr)
        return 0
    extent = measure.QUICK if options.quick else measure.FULL
    results = Results(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command="make bench" + (" ARGS=--quick" if options.quick else ""),
        machine=machine.describe(),
        rounds=extent.rounds,
        seconds=extent.seconds,
        few_seconds=extent.few,
    )
    print(f"The other servers are kept in {environments.cache()}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as folder:
        try:
            measure.everything(results, extent, Path(folder))
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    _write(results, pages.folder(options))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    pages.options(parser, "one short round of each case, as a first look")
    return parser.parse_args()


def _write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "peers.json")
    (folder / "peers.md").write_text(page.render(results))
    plots.draw(results, folder / "results")
    for verdict in page.verdicts(results):
        said = "met    " if verdict.met else "NOT MET"
        print(f"{said}  {verdict.what}: {verdict.measured}, expected {verdict.expected}")
    print(f"Written: {folder / 'peers.md'}")


if __name__ == "__main__":
    sys.exit(main())
