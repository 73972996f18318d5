"""The queue in front of the model: who computes, who waits, and who is refused at once.

No thread of its own. Most requests are parked: enter() puts them in the queue, and the thread that has read
them goes on reading until starts_in() says that a batch should begin. Then it leaves the reading to another
one and computes, in lead(). Others keep a thread that waits, in settle(): where it finds the model free it
computes, and so it does when it has waited longest and a call ends. Whoever computes does it for all that
wait, up to the size of a batch. So batches fill by themselves when there is more to do, and a lone request
waits for nothing. Without predict_batch a batch is one request.

Every request has a deadline. What the queue cannot do by then, as fast as it has been lately, is refused
before it is decoded; what has waited until then, or has no client any longer, is never computed.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.base import Gate
from longshore_runtime.runners.model import metrics
from longshore_runtime.runners.model.admission import Admission
from longshore_runtime.runners.model.calls import Calls
from longshore_runtime.runners.model.item import Item, late
from longshore_runtime.runners.model.pace import Pace


class ModelQueue:
    """From many threads; compute() is called with a batch in one of them and settles its items.

    at_once: how many computes may run at a time. places: how many items may wait. most: the largest batch.
    delay: seconds a batch waits for more, counted from its first item's arrival. target: seconds a call may
    take, which makes batches smaller where need be; None for no such limit. patience: the seconds until the
    deadline of a request that has just come. gate: learns when such a one is refused, and when no longer.
    """

    def __init__(
        self,
        compute: Callable[[list[Item]], None],
        calls: Calls,
        *,
        at_once: int = 1,
        places: int,
        most: int = 1,
        delay: float = 0.0,
        target: float | None = None,
        patience: float = math.inf,
        gate: Gate | None = None,
    ) -> None:
        self._compute = compute
        self._calls = calls
        self._pace = Pace(calls.costs, most, delay, target)
        self._admission = Admission(
            self._pace, calls, places=places, at_once=at_once, patience=patience, gate=gate
        )
        self._free = at_once
        self._waiting: deque[Item] = deque()
        self._mutex = threading.Lock()
        self._more = threading.Condition(self._mutex)
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

    def settle_now(self, item: Item) -> bool:
        """Compute this item, in the calling thread, where it has neither to wait nor to look for company."""
        if self._pace.fills:
            return False
        with self._mutex:
            if not self._is_idle():
                return False
            self._free -= 1
        self._lead_with(item)
        return True

    # For items that are parked

    def enter(self, item: Item) -> bool:
        """Park an item that has its `resume`; False where it is refused, and settled."""
        with self._mutex:
            return self._join(item)

    def starts_in(self) -> float | None:
        """After how many seconds without anything to read the thread that reads should lead().

        Below 0: whatever there is to read. None: not before an item enters or hand_back is called.
        """
        if not self._free or not self._waiting:
            return None
        try:
            first = self._waiting[0]
        except IndexError:  # another thread was faster
            return None
        now = monotonic()
        full = len(self._waiting) >= min(self._pace.most(), self._admission.places)
        if full or now > self._pace.at_the_latest(first):
            return -1.0
        return max(self._pace.pause(first), first.entered + self._pace.delay - now)

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

    def lead(self) -> list[Item]:
        """Compute a batch, in the calling thread; returns those of it that were parked, settled."""
        with self._mutex:
            first = self._next() if self._free else None
            if first is None:
                return []
            self._free -= 1
            batch = self._filled([first])
        if self._pace.is_long():
            first.context.hand_over()
        parked = [item for item in batch if item.resume is not None]
        try:
            self._run(batch)
        except BaseException:  # this thread is being ended
            self.hand_back(parked)
            raise
        return parked

    # For items with a thread that waits

    def settle(self, item: Item) -> None:
        """Have this item settled: computed, or refused."""
        with self._mutex:
            item.leads = self._is_idle()
            if item.leads:
                self._free -= 1
            else:
                item.wake = threading.Lock()
                item.wake.acquire()
                if not self._join(item):
                    return
                self._more.notify_all()
        if item.leads:
            self._lead_with(item)
            return
        item.context.hand_over()
        self._wait(item)
        if item.leads:
            self._lead_with(item)

    def _lead_with(self, item: Item) -> None:
        """Compute a batch with this item."""
        if self._pace.delay or self._pace.is_long():
            item.context.hand_over()
        batch = self._gathered(item) if self._pace.fills else [item]
        try:
            self._run(batch, item)
        finally:
            parked = [one for one in batch if one.resume is not None]
            if parked or (self._free and self._waiting):
                self.hand_back(parked)

    def _wait(self, item: Item) -> None:
        """Until it is settled, or leads; where neither comes by its deadline, it fails."""
        assert item.wake is not None
        if item.wake.acquire(timeout=max(0.0, item.deadline - monotonic())):
            return
        with self._mutex:
            if item in self._waiting:
                self._waiting.remove(item)
                self._shorter()
                item.fail(late())
                return
        item.wake.acquire()  # its turn came at the last moment

    def _gathered(self, first: Item) -> list[Item]:
        """A batch with this first item, and what has come when it begins."""
        most, last, pause = self._pace.most(), self._pace.at_the_latest(first), self._pace.pause(first)
        before = -1
        while pause and before < len(self._waiting) < most - 1 and monotonic() < last:
            before = len(self._waiting)
            time.sleep(pause)
        with self._mutex:
            if self._pace.delay:
                left = first.entered + self._pace.delay - monotonic()
                self._more.wait_for(lambda: len(self._waiting) >= most - 1, max(0.0, left))
            return self._filled([first])

    # For both

    def _is_idle(self) -> bool:
        return self._free > 0 and not self._waiting

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
        while len(batch) < most and (other := self._next()):
            batch.append(other)
        return batch

    def _run(self, batch: list[Item], own: Item | None = None) -> None:
        """Compute. own: the item for which the calling thread has come."""
        began = monotonic()
        for item in batch:
            item.began = began
        try:
            self._compute(batch)
        finally:
            with self._mutex:
                self._pace.call_ended(len(batch))
                self._pass_on()
            for item in batch:
                if item is not own:
                    if not item.settled:  # this thread is being ended
                        item.fail(RuntimeError("the thread that computed this has ended"))
                    if item.wake is not None:
                        item.wake.release()

    def _pass_on(self) -> None:
        """A call has ended: the first in the queue leads the next where it has a thread."""
        while self._waiting and self._waiting[0].wake is not None:
            heir = self._waiting.popleft()
            self._shorter()
            heir.leads = heir.wanted(self._calls.costs.expected(1))
            self._tell(heir)
            if heir.leads:
                return
        self._free += 1
        self._admission.tell_if_room(len(self._waiting))  # it may be the call alone that was too long

    def _next(self) -> Item | None:
        """Take the first out of the queue that is still wanted; those before it learn that they are not.

        One that has found the model free is computed, even where calls have taken too long lately.
        """
        while self._waiting:
            item = self._waiting.popleft()
            self._shorter()
            if not self._pace.has_waited(item) or item.wanted(self._calls.costs.expected(1)):
                return item
            self._tell(item)
        return None

    def _tell(self, item: Item) -> None:
        if item.wake is not None:
            item.wake.release()
        else:
            self.hand_back((item,))
