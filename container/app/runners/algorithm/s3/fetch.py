"""S3 objects to files: all of them at once on a few connections, in constant memory, or none is there whole.

download.py brings one object; here are the threads, the limits on all of them, and the log's progress.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from app.runners.algorithm.outcome import Reason, TaskError
from app.runners.algorithm.s3.client import S3
from app.runners.algorithm.s3.connection import stopped
from app.runners.algorithm.s3.download import Download, Wanted
from app.runners.algorithm.s3.ledger import Ledger, Limits

__all__ = ["Fetched", "Limits", "Wanted", "fetch"]

_log = logging.getLogger("task")

_LOOK_S = 0.1
_REPORT_S = 5.0
_MB = 1_000_000


@dataclass(frozen=True)
class Fetched:
    """A file that is there, whole and checked. size: in bytes."""

    path: Path
    size: int


def fetch(
    s3: S3, wanted: Sequence[Wanted], limits: Limits, connections: int, stop: threading.Event
) -> list[Fetched]:
    """Bring these objects to their files, on at most so many connections; in the order of wanted.

    Raises TaskError for the first that cannot be had: INPUT, DISK or STOPPED. What is whole by then stays.
    """
    if len(wanted) > limits.files:
        raise TaskError(
            Reason.INPUT, f"There are {len(wanted):,} inputs; the limit is {limits.files:,} files."
        )
    if not wanted:
        return []
    return _Fetch(s3, wanted, Ledger(limits)).run(connections, stop)


class _Fetch:
    def __init__(self, s3: S3, wanted: Sequence[Wanted], ledger: Ledger) -> None:
        self._s3 = s3
        self._wanted = wanted
        self._ledger = ledger
        self._begun = 0  # objects, of which
        self._ended = 0
        self._sizes = [0] * len(wanted)
        self._failure: BaseException | None = None

    def run(self, connections: int, stop: threading.Event) -> list[Fetched]:
        start = time.monotonic()
        with ThreadPoolExecutor(connections, "fetch") as pool:
            try:
                self._watch(pool, connections, stop)
            except BaseException as error:
                self._halt(error)  # else the pool would wait for all that is to come
                raise
        if self._failure is not None:
            raise self._failure
        self._report(time.monotonic() - start)
        return [Fetched(one.path, size) for one, size in zip(self._wanted, self._sizes, strict=True)]

    def _watch(self, pool: ThreadPoolExecutor, connections: int, stop: threading.Event) -> None:
        start = reported = time.monotonic()
        # Each in a copy of this thread's context: the log's lines tell which request they belong to.
        workers = {pool.submit(contextvars.copy_context().run, self._work) for _ in range(connections)}
        while wait(workers, timeout=_LOOK_S).not_done:
            if stop.is_set():
                self._halt(stopped())
            if time.monotonic() - reported >= _REPORT_S:
                reported = time.monotonic()
                self._report(reported - start)

    def _work(self) -> None:
        try:
            while self._step():
                pass
        except BaseException as error:  # noqa: BLE001 (run raises it)
            self._halt(error)

    def _step(self) -> bool:
        """Do one thing; returns whether there may be another."""
        ledger = self._ledger
        with ledger.changed:
            while True:
                if ledger.halt.is_set():
                    return False
                part = ledger.take()  # before a new object: what is begun is ended before more files are open
                if part is not None or self._begun < len(self._wanted):
                    break
                if self._ended == self._begun:
                    return False
                ledger.changed.wait()  # for the parts of an object that another thread has begun
            number = self._begun
            self._begun += part is None
        if part is not None:
            ledger.run(part)
            return True
        self._sizes[number] = Download(self._s3, self._wanted[number], ledger).run()
        with ledger.changed:
            self._ended += 1
            if self._ended == len(self._wanted):
                ledger.changed.notify_all()
        return True

    def _halt(self, failure: BaseException) -> None:
        with self._ledger.changed:
            self._failure = self._failure or failure
            self._ledger.halt.set()
            self._ledger.changed.notify_all()

    def _report(self, seconds: float) -> None:
        with self._ledger.changed:
            done, received, known = self._ended, self._ledger.received, self._ledger.known
        _log.info(
            "Fetched %d of %d files, %.1f of %.1f MB known so far, %.1f MB/s",
            done,
            len(self._wanted),
            received / _MB,
            known / _MB,
            received / _MB / max(seconds, 1e-3),
        )
