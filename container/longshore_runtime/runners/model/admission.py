"""Who may join the queue in front of the model, and the gate that keeps others from coming in vain."""

from __future__ import annotations

import math
from time import monotonic

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.base import Gate
from longshore_runtime.runners.model import metrics
from longshore_runtime.runners.model.calls import Calls
from longshore_runtime.runners.model.item import late
from longshore_runtime.runners.model.pace import Pace

# Full until so much of the places and of the time is free again: the gate need not follow each request.
_ROOM_AGAIN = 7 / 8


class Admission:
    """places: how many items may wait. at_once: how many computes may run at a time.

    patience: the seconds until the deadline of a request that has just come. gate: learns when such a one
    would be refused, and when no longer.
    """

    def __init__(
        self, pace: Pace, calls: Calls, *, places: int, at_once: int, patience: float, gate: Gate | None
    ) -> None:
        self.places = places
        self._pace = pace
        self._calls = calls
        self._at_once = at_once
        self._patience = patience
        self._gate = gate
        self._told_full = False

    def check(self, deadline: float, ahead: int, *, free: bool) -> None:
        """RequestError (503) where a request with this deadline has no place, or would wait in vain.

        ahead: how many are before it. free: whether the model is.
        """
        now = monotonic()
        if now > deadline:
            raise late()
        if free and not ahead:
            return  # whatever it takes, nobody is ahead
        if ahead >= self.places:
            metrics.refused("full")
            raise _refusal("The queue is full", self._seconds(ahead))
        seconds = self._seconds(ahead + 1)
        if now + seconds > deadline:
            metrics.refused("late")
            raise _refusal("The queue is too long for an answer in time", seconds)

    # The gate. For one thread at a time.

    def tell_if_full(self, waiting: int, *, free: bool) -> None:
        """A request was refused. Whoever comes now would be, too, unless that one was old, or a large body.

        waiting: how many wait. Never while the model is free: whoever computes tells of room again.
        """
        if self._gate is not None and not free and not self._has_room(waiting, 1.0):
            self._told_full = True
            self._gate.full()

    def tell_if_room(self, waiting: int) -> None:
        """The queue has become shorter, or the model free."""
        if self._told_full and (not waiting or self._has_room(waiting, _ROOM_AGAIN)):
            assert self._gate is not None
            self._told_full = False
            self._gate.has_room()

    def _has_room(self, waiting: int, share: float) -> bool:
        return waiting < share * self.places and self._seconds(waiting + 1) <= share * self._patience

    def _seconds(self, waiting: int) -> float:
        """How long until so many that wait are computed, as it has been lately; 0 while nothing is known."""
        costs, most = self._calls.costs, self._pace.most()
        rounds = math.ceil(math.ceil(waiting / most) / self._at_once)
        since = self._calls.busy_since()
        running = 0.0 if since is None else max(0.0, costs.mean_seconds - (monotonic() - since))
        return running + rounds * costs.expected(min(waiting, most))


def _refusal(why: str, seconds: float) -> RequestError:
    after = max(1, math.ceil(seconds))
    return RequestError(503, f"{why}: try again in {after} s.", {"Retry-After": str(after)})
