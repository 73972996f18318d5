"""`python -m bench.algorithm`: measure, and write the page. `--quick` for a first look, in a few minutes."""

from __future__ import annotations

import argparse
import datetime
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from bench import BenchError, machine, pages
from bench.algorithm import overhead, page, plots
from bench.algorithm.contestants import everybody, program
from bench.algorithm.jobs import Objects
from bench.algorithm.results import Results
from bench.algorithm.server import LastingServer
from bench.algorithm.transfers import Transfers

FULL = (Objects("large", 1, 2**30), Objects("small", 2000, 50_000))
QUICK = (Objects("large", 1, 64 * 2**20), Objects("small", 200, 50_000))


def main() -> int:
    """Exit code 0, or 1 where a measurement failed. A missed expectation is a finding, no failure."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as name:
        folder = Path(name)
        results = Results(
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            command="make bench" + (" ARGS=--quick" if options.quick else ""),
            machine=machine.describe() | _programs(folder),
            rounds=1 if options.quick else 3,
            objects=list(QUICK if options.quick else FULL),
        )
        try:
            _measure(results, folder, tasks=10 if options.quick else 50)
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    _write(results, pages.folder(options))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.algorithm", description=__doc__)
    pages.options(parser, "one round of little data, as a first look")
    return parser.parse_args()


def _measure(results: Results, folder: Path, tasks: int) -> None:
    server = LastingServer(folder)
    transfers = Transfers(server, folder, results.objects)
    (server.folder / overhead.BUCKET).mkdir()
    with server:
        contestants = everybody(folder, server.url, (server.access_key, server.secret_key))
        overhead.measure(results, server, folder, tasks)  # the shorter one first, should something be amiss
        transfers.measure(results, contestants, results.rounds)


def _programs(folder: Path) -> dict[str, str]:
    """The versions of what is compared, and the kind of disk it is all on."""
    rclone = _output(program("rclone"), "version")[0]
    return {
        "rclone, server and client": rclone.removeprefix("rclone v"),
        "AWS CLI": f"{version('awscli')}, Python {platform.python_version()}",
        "boto3": version("boto3"),
        "File system": _output("df", "--output=fstype", str(folder))[-1],
    }


def _output(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.splitlines()


def _write(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "algorithm.json")
    (folder / "algorithm.md").write_text(page.render(results))
    plots.draw(results, folder / "results")
    pages.tell(page.verdicts(results))
    print(f"Written: {folder / 'algorithm.md'}")


if __name__ == "__main__":
    sys.exit(main())
