"""A few threads that do many jobs: whoever begins a job may offer parts of it, which all others help with."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from app.runners.algorithm.s3.connection import stopped

_LOOK_S = 0.1
_REPORT_S = 5.0


class Parts:
    """The parts that one job has offered. All of it is the crew's, and under its lock."""

    def __init__(self) -> None:
        self.waiting = 0
        self.running = 0
        self.failure: BaseException | None = None


class Crew:
    """halt is set once a job has failed or the whole is stopped: whatever takes long ends then."""

    def __init__(self) -> None:
        self.halt = threading.Event()
        self._changed = threading.Condition()  # guards all below
        self._waiting: deque[tuple[Parts, Callable[[], None]]] = deque()
        self._begun = 0  # jobs, of which
        self._ended = 0
        self._failure: BaseException | None = None

    def work(
        self,
        jobs: Sequence[Callable[[], None]],
        threads: int,
        stop: threading.Event,
        report: Callable[[float], None],
    ) -> None:
        """Do these jobs on so many threads; raises what the first that failed raised.

        report: called every few seconds with those since the start. stop: ends it with TaskError(STOPPED).
        Returns when no job runs any more, however it ends.
        """
        if stop.is_set():
            raise stopped()
        start = reported = time.monotonic()
        with ThreadPoolExecutor(threads, "transfer") as pool:
            # Each in a copy of this thread's context: the log's lines tell which request they belong to.
            working = {pool.submit(contextvars.copy_context().run, self._work, jobs) for _ in range(threads)}
            while wait(working, timeout=_LOOK_S).not_done:
                if stop.is_set():
                    self._fail(stopped())
                if (now := time.monotonic()) - reported >= _REPORT_S:
                    reported = now
                    report(now - start)
        if self._failure is not None:
            raise self._failure
        report(time.monotonic() - start)

    def offer(self, calls: Sequence[Callable[[], None]]) -> Parts:
        """Let all threads help with these; finish has to be called in the end."""
        parts = Parts()
        with self._changed:
            parts.waiting = len(calls)
            self._waiting.extend((parts, call) for call in calls)
            self._changed.notify_all()
        return parts

    def check(self, parts: Parts) -> None:
        """Raises where it is in vain to go on: what a part of these raised, or TaskError(STOPPED)."""
        if parts.failure is not None:
            raise parts.failure
        if self.halt.is_set():
            raise stopped()

    def finish(self, parts: Parts) -> None:
        """Help until all of these are done. Raises as check does."""
        while True:
            with self._changed:
                if parts.failure is not None or self.halt.is_set():
                    self._drop(parts)
                taken = self._take() if parts.waiting else None
                if taken is None and parts.running:
                    self._changed.wait()
                    continue
            if taken is None:
                self.check(parts)
                return
            self._run(*taken)

    def give_up(self, parts: Parts) -> None:
        """Forget those of these that wait, and return when none runs any more."""
        with self._changed:
            self._drop(parts)
            self._changed.wait_for(lambda: not parts.running)

    def _work(self, jobs: Sequence[Callable[[], None]]) -> None:
        try:
            while self._step(jobs):
                pass
        except BaseException as error:  # noqa: BLE001 (work raises it)
            self._fail(error)

    def _step(self, jobs: Sequence[Callable[[], None]]) -> bool:
        """Do one thing; returns whether there may be another."""
        with self._changed:
            # Parts first: what is begun is ended before more is begun.
            while (taken := self._take()) is None and self._begun == len(jobs):
                if self._ended == self._begun or self.halt.is_set():
                    return False
                self._changed.wait()  # a job that another thread has begun may offer parts yet
            number = self._begun
            if taken is None:
                if self.halt.is_set():
                    return False
                self._begun += 1
        if taken is not None:
            self._run(*taken)
            return True
        jobs[number]()
        with self._changed:
            self._ended += 1
            if self._ended == len(jobs):
                self._changed.notify_all()
        return True

    def _take(self) -> tuple[Parts, Callable[[], None]] | None:
        if not self._waiting:
            return None
        parts, call = self._waiting.popleft()
        parts.waiting -= 1
        parts.running += 1
        return parts, call

    def _run(self, parts: Parts, call: Callable[[], None]) -> None:
        failure: BaseException | None = None
        try:
            call()
        except BaseException as error:  # noqa: BLE001 (finish raises it)
            failure = error
        with self._changed:
            parts.failure = parts.failure or failure
            parts.running -= 1
            self._changed.notify_all()

    def _drop(self, parts: Parts) -> None:
        if parts.waiting:
            self._waiting = deque(each for each in self._waiting if each[0] is not parts)
            parts.waiting = 0

    def _fail(self, failure: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or failure
            self.halt.set()
            self._changed.notify_all()
