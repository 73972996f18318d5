"""Which tasks run now: at most so many at once, and none of them twice.

SageMaker sends a request again when its answer is late, and the one before goes on all the same: whoever
asks for a task that runs already waits for that one's end, and gets the same answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.algorithm.request import Task

_RETRY_AFTER = {"Retry-After": "5"}  # seconds


class _Running:
    def __init__(self, task: Task, place: int) -> None:
        self.task = task
        self.place = place
        self.stop = threading.Event()
        self.content: Future[bytes] = Future()


class Tasks:
    """perform(task, place, stop) does one task and returns its result file; place is its number from 0.
    known(task) returns the result file of one that has ended well before, or None.

    places: how many run at once; wait_seconds: how long one more waits for a place.
    """

    def __init__(
        self,
        perform: Callable[[Task, int, threading.Event], bytes],
        known: Callable[[Task], bytes | None],
        places: int,
        wait_seconds: float,
    ) -> None:
        self._perform = perform
        self._known = known
        self._places = places
        self._wait_seconds = wait_seconds
        self._changed = threading.Condition()
        self._running: dict[str, _Running] = {}  # by the task's fingerprint
        self._stopping = False

    def result_of(self, task: Task) -> bytes:
        """The result file of this task: of the one that runs already, or of a run of its own.

        RequestError 503 where no place becomes free in time or the server stops, 409 where another task
        that runs writes to the same prefix.
        """
        # Otherwise perform looks, too; here for whom there is no place, who may not need one.
        if self._has_no_place_for(task) and (content := self._known(task)) is not None:
            return content
        running, mine = self._join_or_begin(task)
        if mine:
            try:
                running.content.set_result(self._perform(task, running.place, running.stop))
            except BaseException as error:  # noqa: BLE001  # it is raised below, and for those who joined
                running.content.set_exception(error)
            finally:
                with self._changed:
                    del self._running[task.fingerprint]
                    self._changed.notify_all()
        return running.content.result()

    def drain(self, seconds: float, stop_after: float) -> None:
        """Begin no more; let those that run end for stop_after seconds, then stop them.

        Returns when none runs, after so many seconds at the latest.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._running, stop_after)
            for running in self._running.values():
                running.stop.set()
            self._changed.wait_for(lambda: not self._running, max(0.0, deadline - time.monotonic()))

    def _has_no_place_for(self, task: Task) -> bool:
        with self._changed:
            return task.fingerprint not in self._running and len(self._running) >= self._places

    def _join_or_begin(self, task: Task) -> tuple[_Running, bool]:
        deadline = time.monotonic() + self._wait_seconds
        with self._changed:
            while True:
                if (running := self._running.get(task.fingerprint)) is not None:
                    return running, False
                if self._stopping:
                    raise RequestError(503, "The server is stopping.", _RETRY_AFTER)
                if any(other.task.result_place == task.result_place for other in self._running.values()):
                    raise RequestError(
                        409, f"Another task runs that writes to output_prefix {task.output_prefix!r}."
                    )
                if len(self._running) < self._places:
                    taken = {running.place for running in self._running.values()}
                    place = next(place for place in range(self._places) if place not in taken)
                    running = self._running[task.fingerprint] = _Running(task, place)
                    return running, True
                if (left := deadline - time.monotonic()) <= 0:
                    tasks = "One task runs" if self._places == 1 else f"{self._places} tasks run"
                    raise RequestError(
                        503,
                        f"{tasks} already, and no place became free in time. Send it again.",
                        _RETRY_AFTER,
                    )
                self._changed.wait(left)
