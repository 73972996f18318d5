"""A few threads that do many jobs: whoever begins a job may offer parts of it, which all others help with.

A few threads begin, and more join them while they are mostly waiting. Where S3 answers at once, more of them
only take the processor and the interpreter's lock from each other: a GiB takes 16 threads a third longer.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from longshore_runtime import logs, machine
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.connection import stopped

MB = 1_000_000

_log = logs.get("task")

_LOOK_S = 0.1
_FEWEST, _FIRST = 2, 4  # threads: two for the parts of a single job, up to four for many jobs
_SHARE = 0.2  # of the processors: where the threads take more, they are not mostly waiting
_REPORT_S = 5.0
_SHORT_S = 1.0  # what takes less is not worth a line of every task's log


class Parts:
    """The parts that one job has offered. All of it is the crew's, and under its lock."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.done: set[int] = set()  # by their numbers, from 0
        self.running = 0
        self.failure: BaseException | None = None


class Crew:
    """halt is set once a job has failed or the whole is stopped: whatever takes long ends then."""

    def __init__(self, seconds: float | None = None, late: str = "The transfer was not done") -> None:
        """Args:
        seconds: how long work() may take, None for any time.
        late: the beginning of the error's sentence where it takes longer.
        """
        self._seconds = seconds
        self._late = late
        self.halt = threading.Event()
        self._changed = threading.Condition()  # guards all below
        self._waiting: deque[tuple[Parts, int, Callable[[], None]]] = deque()
        self._begun = 0  # jobs, of which
        self._ended = 0
        self._moved = 0  # bytes
        self._failure: BaseException | None = None
        self._clocks: set[int] = set()  # of the threads: they tell their processor time

    def work(
        self,
        jobs: Sequence[Callable[[], None]],
        threads: int,
        stop: threading.Event,
        report: Callable[[int], str],
    ) -> None:
        """Do these jobs on at most so many threads; raises what the first that failed raised.

        report: asked every few seconds what to say in the log; it is given the bytes that were counted.
        stop: ends it with TaskError(STOPPED); after the crew's seconds it ends with TaskError(TIMEOUT).
        Returns when no job runs any more, however it ends.
        """
        if stop.is_set():
            raise stopped()
        start = reported = looked = time.monotonic()
        enough, taken = _SHARE * machine.cpus(), 0.0
        with ThreadPoolExecutor(threads, "transfer") as pool:
            try:
                first = max(_FEWEST, min(_FIRST, len(jobs)))
                working = self._start(pool, jobs, min(first, threads))
                while wait(working, timeout=_LOOK_S).not_done:
                    if stop.is_set():
                        self._fail(stopped())
                    if self._seconds is not None and time.monotonic() - start > self._seconds:
                        self._fail(self._too_late())
                    now, before, taken = time.monotonic(), taken, self._processor_time()
                    if taken - before < enough * (now - looked):
                        working |= self._start(pool, jobs, min(len(working), threads - len(working)))
                    looked = now
                    if now - reported >= _REPORT_S:
                        reported = now
                        self._report(report, now - start)
            except BaseException as error:
                self._fail(error)  # else the pool would wait for all that is to come
                raise
        if self._failure is not None:
            raise self._failure
        self._report(report, time.monotonic() - start)

    def count(self, moved: int) -> None:
        """Note that so many bytes came or went, those that did so again too."""
        with self._changed:
            self._moved += moved

    @contextlib.contextmanager
    def offer(self, calls: Sequence[Callable[[], None]]) -> Iterator[Parts]:
        """Let all threads help with these. At the end those that wait are dropped, and none runs any more."""
        parts = Parts(len(calls))
        if not calls:  # as with most objects: spare everybody the lock
            yield parts
            return
        with self._changed:
            self._waiting.extend((parts, number, call) for number, call in enumerate(calls))
            self._changed.notify_all()
        try:
            yield parts
        finally:
            with self._changed:
                if len(parts.done) < parts.count:
                    self._waiting = deque(each for each in self._waiting if each[0] is not parts)
                self._changed.wait_for(lambda: not parts.running)

    def check(self, parts: Parts) -> None:
        """Raises where it is in vain to go on: what a part of these raised, or TaskError(STOPPED)."""
        if parts.failure is not None:
            raise parts.failure
        if self.halt.is_set():
            raise stopped()

    def help(self, parts: Parts, number: int) -> None:
        """Do whatever waits until this one of these is done. Raises as check does."""
        while True:
            with self._changed:
                self.check(parts)
                if number in parts.done:
                    return
                if not self._waiting:
                    self._changed.wait()
                    continue
                taken = self._take()
            self._run(*taken)

    def finish(self, parts: Parts) -> None:
        """Help until all of these are done. Raises as check does."""
        for number in range(parts.count):
            self.help(parts, number)

    def _start(
        self, pool: ThreadPoolExecutor, jobs: Sequence[Callable[[], None]], count: int
    ) -> set[Future[None]]:
        # Each in a copy of this thread's context: the log's lines tell which request they belong to.
        return {pool.submit(contextvars.copy_context().run, self._work, jobs) for _ in range(count)}

    def _processor_time(self) -> float:
        """Of all threads, in seconds. To be asked while the pool is open: its threads live until then."""
        with self._changed:
            return sum(map(time.clock_gettime, self._clocks))

    def _work(self, jobs: Sequence[Callable[[], None]]) -> None:
        with self._changed:
            self._clocks.add(time.pthread_getcpuclockid(threading.get_ident()))
        try:
            while self._step(jobs):
                pass
        except BaseException as error:  # noqa: BLE001 (work raises it)
            self._fail(error)

    def _step(self, jobs: Sequence[Callable[[], None]]) -> bool:
        """Do one thing; returns whether there may be another."""
        with self._changed:
            while not self._waiting and self._begun == len(jobs):
                if self._ended == self._begun or self.halt.is_set():
                    return False
                self._changed.wait()  # a job that another thread has begun may offer parts yet
            if self.halt.is_set():
                return False
            # Parts first: what is begun is ended before more is begun.
            taken = self._take() if self._waiting else None
            number = self._begun
            self._begun += taken is None
        if taken is not None:
            self._run(*taken)
            return True
        jobs[number]()
        with self._changed:
            self._ended += 1
            if self._ended == len(jobs):
                self._changed.notify_all()
        return True

    def _take(self) -> tuple[Parts, int, Callable[[], None]]:
        taken = self._waiting.popleft()
        taken[0].running += 1
        return taken

    def _run(self, parts: Parts, number: int, call: Callable[[], None]) -> None:
        failure: BaseException | None = None
        try:
            call()
        except BaseException as error:  # noqa: BLE001 (check raises it)
            failure = error
        with self._changed:
            parts.running -= 1
            if failure is None:
                parts.done.add(number)
            parts.failure = parts.failure or failure
            self._changed.notify_all()

    def _fail(self, failure: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or failure
            self.halt.set()
            self._changed.notify_all()

    def _too_late(self) -> TaskError:
        limit = f"within {self._seconds:g} s, the limit that ALGORITHM_TRANSFER_TIMEOUT_SECONDS sets"
        return TaskError(Reason.TIMEOUT, f"{self._late} {limit}.")

    def _report(self, report: Callable[[int], str], seconds: float) -> None:
        level = logging.DEBUG if seconds < _SHORT_S else logging.INFO
        _log.log(level, "%s, %.1f MB/s", report(self._moved), self._moved / MB / max(seconds, 1e-3))
