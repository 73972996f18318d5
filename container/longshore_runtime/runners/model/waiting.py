"""The requests that wait for the model: who may join them, in which order they are taken, and who expires."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import metrics
from longshore_runtime.runners.model.admission import Admission
from longshore_runtime.runners.model.calls import Calls
from longshore_runtime.runners.model.item import Item, late
from longshore_runtime.runners.model.pace import Pace


class Waiting:
    """What ModelQueue (queue.py) keeps, under its mutex. at_once: how many computes may run at a time."""

    def __init__(self, pace: Pace, admission: Admission, calls: Calls, at_once: int) -> None:
        self._pace = pace
        self._admission = admission
        self._calls = calls
        self._free = at_once
        self._waiting: deque[Item] = deque()
        self._mutex = threading.Lock()
        self._deadline = math.inf  # the first of those that wait, or an earlier one
        # Takes parked items that are settled; with none it only tells that the model is free.
        self.hand_back: Callable[[Sequence[Item]], None] = lambda items: None

    def admit(self, deadline: float, unread: int = 0) -> None:
        """RequestError (503) where a request with this deadline has no place, or would wait in vain.

        unread: how many are to come that wait for room in memory (room.py).
        """
        try:
            self._check(deadline, unread)
        except RequestError:
            with self._mutex:
                self._tell_if_full()
            raise

    def expires_in(self) -> float | None:
        """In how many seconds expire() is to be called; None while nothing waits."""
        return self._deadline - monotonic() if self._waiting else None

    def expire(self) -> None:
        """Fail what has waited until its deadline."""
        with self._mutex:
            now = monotonic()
            for item in [one for one in self._waiting if one.deadline <= now]:
                self._waiting.remove(item)
                item.fail(late())
                self._tell(item)
            self._shorter()
            self._deadline = min((one.deadline for one in self._waiting), default=math.inf)

    def _check(self, deadline: float, unread: int = 0) -> None:
        self._admission.check(deadline, len(self._waiting) + unread, free=self._free > 0)

    def _tell_if_full(self) -> None:
        self._admission.tell_if_full(len(self._waiting), free=self._free > 0)

    def _shorter(self) -> None:
        metrics.queue_length(len(self._waiting))
        self._admission.tell_if_room(len(self._waiting))

    def _join(self, item: Item) -> bool:
        try:
            self._check(item.deadline)
        except RequestError as error:
            self._tell_if_full()
            item.fail(error)
            return False
        self._deadline = min(self._deadline, item.deadline) if self._waiting else item.deadline
        self._waiting.append(item)
        metrics.queue_length(len(self._waiting))
        return True

    def _filled(self, batch: list[Item]) -> list[Item]:
        most = self._pace.most()
        while len(batch) < most and not batch[-1].alone and (other := self._next(beside=True)):
            batch.append(other)
        return batch

    def _next(self, *, beside: bool = False) -> Item | None:
        """Take the first out of the queue that is still wanted; those before it learn that they are not.

        One that has found the model free is computed, even where calls have taken too long lately.

        Args:
            beside: take none that is to be alone.
        """
        while self._waiting and not (beside and self._waiting[0].alone):
            item = self._waiting.popleft()
            self._shorter()
            if not self._pace.has_waited(item) or item.wanted(self._calls.costs.expected(1)):
                return item
            self._tell(item)
        return None

    def _tell(self, item: Item) -> None:
        if item.wake is None:
            self.hand_back((item,))
        elif item.wake.locked():
            item.wake.release()
