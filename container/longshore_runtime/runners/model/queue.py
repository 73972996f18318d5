"""The queue in front of the model: who computes, who waits, and who is refused at once.

Where one call runs at a time, the worker's main thread makes them all (lead_by): it is called when there is
something to compute. Otherwise, and before there is a server, those who come compute, as follows.

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
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from longshore_runtime.runners.base import Gate
from longshore_runtime.runners.model.admission import Admission
from longshore_runtime.runners.model.calls import Calls
from longshore_runtime.runners.model.conversions import Conversions
from longshore_runtime.runners.model.item import Item, late
from longshore_runtime.runners.model.pace import Pace
from longshore_runtime.runners.model.waiting import Waiting


class Leader(Protocol):
    """The thread that makes all calls of the model."""

    def is_me(self) -> bool:
        """Return whether it is the calling thread."""

    def call(self) -> None:
        """Have it lead(), as soon as it has time."""


class ModelQueue(Waiting):
    """From many threads; compute() is called with a batch in one of them and settles its items.

    at_once: how many computes may run at a time. places: how many items may wait. most: the largest batch.
    delay: seconds a batch waits for more, counted from its first item's arrival. target: seconds a call may
    take, which makes batches smaller where need be; None for no such limit. patience: the seconds until the
    deadline of a request that has just come. gate: learns when such a one is refused, and when no longer.
    conversions: the decodes and encodes of these requests, where anything is known of them.
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
        conversions: Conversions | None = None,
    ) -> None:
        self._compute = compute
        self._conversions = conversions
        pace = Pace(calls.costs, most, delay, target)
        admission = Admission(pace, calls, places=places, at_once=at_once, patience=patience, gate=gate)
        super().__init__(pace, admission, calls, at_once)
        self.at_once = at_once
        self._leader: Leader | None = None
        self.called = False  # the leader is called, and no longer counts as free
        self._batch: list[Item] = []  # the leader's, until it is handed back
        self._more = threading.Condition(self._mutex)

    def settle_now(self, item: Item) -> bool:
        """Compute this item, in the calling thread, where it has neither to wait nor to look for company."""
        if self._pace.fills or not self.may_lead():
            return False
        with self._mutex:
            if not self._is_idle():
                return False
            self._free -= 1
        self._lead_with(item)
        return True

    # For one thread that leads

    def lead_by(self, leader: Leader) -> None:
        """Have this thread make all calls of the model from now on."""
        assert self.at_once == 1
        self._leader = leader

    def may_lead(self) -> bool:
        """Return whether the calling thread may lead()."""
        return self._leader is None or self._leader.is_me()

    def call_leader(self) -> None:
        """Have the leader compute what waits."""
        with self._mutex:
            self._call()

    def handed_back(self) -> None:
        """The leader has answered all of its batch, or handed it back."""
        self._batch = []

    def recover(self) -> None:
        """Go on after the leader has been interrupted outside of the model, by a signal's handler."""
        with self._mutex:
            self.called, self._free = False, self.at_once
            batch, self._batch = self._batch, []
            self._call()
        for item in batch:
            if not item.settled:
                item.fail(RuntimeError("a signal's handler has interrupted the server"))
            self._tell(item)

    def is_quick(self) -> bool:
        """Return whether the leader may as well read requests, and answer them: all of it is short."""
        return not self._pace.is_long() and self.is_quick_to_answer()

    def is_quick_to_answer(self) -> bool:
        """Return whether the leader may as well answer what it has computed: no other waits long for it."""
        return self._conversions is None or self._conversions.are_quick()

    def _call(self) -> None:
        if self._free and self._waiting:
            assert self._leader is not None
            self._free -= 1
            self.called = True
            self._leader.call()

    # For items that are parked

    def enter(self, item: Item) -> bool:
        """Park an item that has its `resume`; False where it is refused, and settled."""
        with self._mutex:
            if not self._join(item):
                return False
            if self._leader is not None and not (self._pace.fills or self._leader.is_me()):
                self._call()
            return True

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

    def lead(self) -> list[Item]:
        """Compute a batch, in the calling thread; returns those of it that were parked, settled."""
        with self._mutex:
            if not (self.called or self._free):
                return []
            first = self._next()
            if first is None:
                self._free += self.called
                self.called = False
                return []
            self._free -= not self.called
            self.called = False
            gathers = self._leader is not None and first.wake is not None and self._pace.fills
            batch = [first] if gathers else self._filled([first])
            self._batch = batch
        if self._pace.is_long() or (gathers and self._pace.delay):
            first.context.hand_over()
        if gathers:
            batch = self._batch = self._gathered(first)
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
        if self._leader is not None:
            self._settle_by(self._leader, item)
            return
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

    def _settle_by(self, leader: Leader, item: Item) -> None:
        item.wake = threading.Lock()
        item.wake.acquire()
        with self._mutex:
            if not self._join(item):
                return
            self._call()
            self._more.notify_all()
        item.context.hand_over()
        if leader.is_me():  # it would wait for itself
            while not item.settled:
                self.hand_back(self.lead())
        else:
            self._wait(item)

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
        while self._leader is None and self._waiting and self._waiting[0].wake is not None:
            heir = self._waiting.popleft()
            self._shorter()
            heir.leads = heir.wanted(self._calls.costs.expected(1))
            self._tell(heir)
            if heir.leads:
                return
        self._free += 1
        self._admission.tell_if_room(len(self._waiting))  # it may be the call alone that was too long
