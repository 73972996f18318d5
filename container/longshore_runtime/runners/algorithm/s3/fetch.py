"""S3 objects to files: all of them at once on a few connections, in constant memory, or none is there whole.

download.py brings one object, crew.py has the threads, budget.py the limits on all of them.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.budget import Budget, Limits
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.crew import MB, Crew
from longshore_runtime.runners.algorithm.s3.download import Download, Wanted

__all__ = ["Fetched", "Limits", "Wanted", "fetch"]


@dataclass(frozen=True)
class Fetched:
    """A file that is there, whole and checked. size: in bytes."""

    path: Path
    size: int


def fetch(
    s3: S3,
    wanted: Sequence[Wanted],
    limits: Limits,
    connections: int,
    stop: threading.Event,
    *,
    seconds: float | None = None,
) -> list[Fetched]:
    """Bring these objects to their files, on at most so many connections; in the order of wanted.

    seconds: how long all of it may take. Raises TaskError for the first that cannot be had: INPUT, DISK,
    TIMEOUT or STOPPED. What is whole by then stays.
    """
    if len(wanted) > limits.files:
        raise TaskError(
            Reason.INPUT, f"There are {len(wanted):,} inputs; the limit is {limits.files:,} files."
        )
    if not wanted:
        return []
    crew, budget = Crew(seconds, "The inputs were not fetched"), Budget(limits.bytes)
    sizes: dict[int, int] = {}  # of those that are there, by their number in wanted

    def bring(number: int) -> None:
        sizes[number] = Download(s3, wanted[number], crew, budget).run()

    def report(received: int) -> str:
        return (
            f"Fetched {len(sizes)} of {len(wanted)} files, "
            f"{received / MB:.1f} of {budget.known / MB:.1f} MB known so far"
        )

    jobs = [functools.partial(bring, number) for number in range(len(wanted))]
    crew.work(jobs, connections, stop, report)
    return [Fetched(one.path, sizes[number]) for number, one in enumerate(wanted)]
