"""`python -m bench.emulator`: measure, and write the page. `--quick` for a first look, in half a minute."""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from pathlib import Path

from bench import BenchError, machine, pages
from bench.emulator import invocations, page, process, transforms
from bench.emulator.results import Results, verdicts
from bench.measure import say


def main() -> int:
    """Exit code 0, or 1 where a measurement failed. A missed expectation is a finding, no failure."""
    parser = argparse.ArgumentParser(prog="python -m bench.emulator", description=__doc__)
    pages.options(parser, "one round of each, as a first look")
    options = parser.parse_args()
    rounds = 1 if options.quick else 5
    results = Results(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command="make bench" + (" ARGS=--quick" if options.quick else ""),
        machine=machine.describe(),
        rounds=rounds,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="longshore-bench-") as folder:
            _measure(results, Path(folder))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    where = pages.folder(options)
    where.mkdir(parents=True, exist_ok=True)
    results.write(where / "emulator.json")
    (where / "emulator.md").write_text(page.render(results))
    pages.tell(verdicts(results))
    print(f"Written: {where / 'emulator.md'}")
    return 0


def _measure(results: Results, folder: Path) -> None:
    process.help_seconds()  # compiles what it imports
    process.ready_seconds()
    for _ in range(results.rounds):
        results.help.append(process.help_seconds())
        results.ready.append(process.ready_seconds())
    say(f"ready: {results.ready}, --help: {results.help}")
    with process.emulator() as running:
        results.invocations = invocations.measure(running, results.rounds)
        results.transforms = transforms.measure(running, results.rounds, folder)
    results.peaks = transforms.peaks(folder)


if __name__ == "__main__":
    sys.exit(main())
