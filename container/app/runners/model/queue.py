"""The queue in front of the model: who computes, who waits, and who is refused at once.

No thread of its own: the thread of a request that finds the model free computes for all that wait, up to
the size of a batch, and hands out the predictions; then the request that has waited longest does the same
for those that have come meanwhile. So a lone request never waits for a batch to fill, and batches fill by
themselves when there is more to do. Without predict_batch a batch is one request.

Every request has a deadline. What the queue cannot do by then, as fast as it has been lately, is refused
before it is decoded; what has waited until then, or has no client any longer, is never computed.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from app.errors import RequestError
from app.runners.base import Context, Gate, client_gone
from app.runners.model import metrics
from app.runners.model.calls import Calls

# Beside a call this long, changing threads costs next to nothing.
_LONG_SECONDS = 0.001
# nginx tells in milliseconds when a request came, so that one read at once looks up to one old.
_READ_LATE_SECONDS = 0.002
_LEAST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.0001, 0.001
# Full until so much of the places and of the time is free again: the gate need not follow each request.
_ROOM_AGAIN = 7 / 8


class Item:
    """A decoded request, and later what became of it: a prediction, or an error.

    deadline: the time.monotonic() after which nobody wants the answer; entered: that of its creation;
    began and ended: those of the computing, began None where there was none.
    """

    __slots__ = (
        *("began", "context", "data", "deadline", "ended", "entered"),
        *("error", "leads", "prediction", "settled", "wake"),
    )

    def __init__(self, data: Any, context: Context, deadline: float) -> None:
        self.data = data
        self.context = context
        self.deadline = deadline
        self.entered = self.ended = monotonic()
        self.began: float | None = None
        self.leads = False
        self.settled = False
        self.prediction: Any = None
        self.error: BaseException | None = None
        self.wake: threading.Lock | None = None

    def succeed(self, prediction: Any) -> None:
        self.data = None  # it may be large
        self.prediction, self.settled, self.ended = prediction, True, monotonic()

    def fail(self, error: BaseException) -> None:
        self.data = None
        self.error, self.settled, self.ended = error, True, monotonic()

    def wanted(self, seconds: float = 0.0) -> bool:
        """Whether anyone will still wait in so many seconds, with the answer; where nobody does, it fails."""
        if monotonic() + seconds > self.deadline:
            self.fail(late())
        elif self.context.client_gone():
            self.fail(gone())
        return not self.settled


class ModelQueue:
    """predict() from many threads; compute() is called with a batch in one of them and settles its items.

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
        self._at_once = at_once
        self._places = places
        self._most = most
        self._delay = delay
        self._target = target
        self._patience = patience
        self._gate = gate
        self._told_full = False
        self._free = at_once  # while anything waits, this is 0
        self._waiting: deque[Item] = deque()
        self._mutex = threading.RLock()  # _join() holds it in admit(), too
        self._more = threading.Condition(self._mutex)

    def admit(self, deadline: float, unread: int = 0) -> None:
        """RequestError (503) where a request with this deadline has no place, or would wait in vain.

        unread: how many are to come that wait for room in memory (room.py).
        """
        now = monotonic()
        if now > deadline:
            raise late()
        if self._free and not unread:
            return  # whatever it takes, nobody is ahead
        ahead = len(self._waiting) + unread
        if ahead >= self._places:
            metrics.refused("full")
            self._tell_if_full()
            raise _refusal("The queue is full", self._seconds(ahead))
        seconds = self._seconds(ahead + 1)
        if now + seconds > deadline:
            metrics.refused("late")
            self._tell_if_full()
            raise _refusal("The queue is too long for an answer in time", seconds)

    def predict(self, item: Item) -> Any:
        """The prediction for this item; raises what computing it raised, or the RequestError of a refusal."""
        with self._mutex:
            item.leads = self._free > 0
            if item.leads:
                self._free -= 1
            else:
                self._join(item)
        if item.leads:
            if self._delay or self._lasts():
                item.context.hand_over()
        else:
            item.context.hand_over()
            self._wait(item)
        if item.leads:
            self._lead(item)
        if item.error is not None:
            try:
                raise item.error
            finally:
                item.error = None  # whose traceback leads back here, and to the data: gone at once
        return item.prediction

    def _lasts(self) -> bool:
        costs = self._calls.costs
        return costs.calls == 0 or costs.mean_seconds > _LONG_SECONDS

    def _join(self, item: Item) -> None:
        self.admit(item.deadline)
        item.wake = threading.Lock()
        item.wake.acquire()
        self._waiting.append(item)
        metrics.queue_length(len(self._waiting))
        if self._delay:
            self._more.notify_all()

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

    def _lead(self, item: Item) -> None:
        batch = [item]
        try:
            if self._most > 1:
                self._gather(batch)
            began = monotonic()
            for one in batch:
                one.began = began
            self._compute(batch)
        finally:
            with self._mutex:
                heir = self._next()
                if heir is None:
                    self._free += 1
            if heir is not None:
                heir.leads = True
                _wake(heir)
            for other in batch[1:]:
                if not other.settled:  # this thread is being ended
                    other.fail(RuntimeError("the thread that computed this has ended"))
                _wake(other)

    def _gather(self, batch: list[Item]) -> None:
        """Add what waits, as much as a batch may have."""
        most, first = self._most, batch[0]
        if self._target is not None:
            most = min(most, self._calls.costs.largest(self._target))
        read_late = first.entered - first.context.received > _READ_LATE_SECONDS
        if first.wake is not None or read_late:  # others are there: it has waited for them
            self._let_in(most)
        with self._mutex:
            if self._delay:
                left = first.entered + self._delay - monotonic()
                self._more.wait_for(lambda: len(self._waiting) >= most - 1, max(0.0, left))
            while len(batch) < most and (other := self._next()):
                batch.append(other)

    def _let_in(self, most: int) -> None:
        """Pause as long as more come into the queue, by a tenth of a call and no longer than a call.

        For a model that keeps the interpreter to itself: all that has come during a call is still unread
        when it ends, and the first to be read would be a batch of one.
        """
        call = self._calls.costs.mean_seconds
        pause = min(_LONGEST_PAUSE_SECONDS, max(_LEAST_PAUSE_SECONDS, call / 10))
        until = monotonic() + call
        before = -1
        while before < len(self._waiting) < most - 1 and monotonic() < until:
            before = len(self._waiting)
            sleep(pause)

    def _next(self) -> Item | None:
        """Take the first out of the queue that is still wanted; those before it learn that they are not."""
        shortest = self._calls.costs.expected(1)
        while self._waiting:
            item = self._waiting.popleft()
            self._shorter()
            if item.wanted(shortest):
                return item
            _wake(item)
        self._tell_if_room()  # nothing waited, but the call that ran was too long for anyone to wait
        return None

    def _shorter(self) -> None:
        metrics.queue_length(len(self._waiting))
        self._tell_if_room()

    def _tell_if_full(self) -> None:
        """Where whoever comes now would be refused, too: the one that was may have been old, or a large body.

        Never while the model is free: whoever computes tells of room again.
        """
        with self._mutex:
            if self._gate is not None and not self._free and not self._has_room(1.0):
                self._told_full = True
                self._gate.full()

    def _tell_if_room(self) -> None:
        if self._told_full and (not self._waiting or self._has_room(_ROOM_AGAIN)):
            assert self._gate is not None
            self._told_full = False
            self._gate.has_room()

    def _has_room(self, share: float) -> bool:
        waiting = len(self._waiting)
        if waiting >= share * self._places:
            return False
        return self._seconds(waiting + 1) <= share * self._patience

    def _seconds(self, waiting: int) -> float:
        """How long until so many that wait are computed, as it has been lately; 0 while nothing is known."""
        costs, most = self._calls.costs, self._most
        if self._target is not None:
            most = min(most, costs.largest(self._target))
        rounds = math.ceil(math.ceil(waiting / most) / self._at_once)
        since = self._calls.busy_since()
        running = 0.0 if since is None else max(0.0, costs.mean_seconds - (monotonic() - since))
        return running + rounds * costs.expected(min(waiting, most))


def late() -> RequestError:
    """For what was not computed by its deadline."""
    metrics.refused("late")
    return RequestError(503, "The model was busy for too long.", {"Retry-After": "1"})


def gone() -> RequestError:
    """For what nobody waits for: seen in the metrics alone."""
    metrics.refused("gone")
    return client_gone()


def _wake(item: Item) -> None:
    assert item.wake is not None
    item.wake.release()


def _refusal(why: str, seconds: float) -> RequestError:
    after = max(1, math.ceil(seconds))
    return RequestError(503, f"{why}: try again in {after} s.", {"Retry-After": str(after)})
