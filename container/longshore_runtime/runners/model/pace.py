"""How large a batch may be, and what it waits for before it begins.

As little as possible: a lone request waits for nothing. Where others are about, those that come at the same
time are let in first, for two batches cost more than one.
"""

from __future__ import annotations

from time import monotonic

from longshore_runtime.runners.model.costs import Costs
from longshore_runtime.runners.model.item import Item

# nginx tells in milliseconds when a request came, so that one read at once looks up to one old.
_READ_LATE_SECONDS = 0.002
# Beside a call this long, changing threads costs next to nothing.
_LONG_SECONDS = 0.001
_LEAST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.0001, 0.0005


class Pace:
    """most: the largest batch. delay: seconds a batch waits for more, counted from its first item's arrival.
    target: seconds a call may take, which makes batches smaller where need be; None for no such limit.
    """

    def __init__(self, costs: Costs, most: int, delay: float, target: float | None) -> None:
        self._costs = costs
        self._most = most
        self.fills = most > 1  # whether there are batches at all
        self.delay = delay
        self._target = target
        self._ended = 0.0  # when a call ended last
        self._size = 0  # of how many

    def call_ended(self, size: int) -> None:
        """A call with so many items has ended."""
        self._ended, self._size = monotonic(), size

    def has_waited(self, item: Item) -> bool:
        """Whether it has waited for a call to end."""
        return item.entered < self._ended

    def most(self) -> int:
        """The most items that a batch may have now."""
        if self._target is None:
            return self._most
        return min(self._most, self._costs.largest(self._target))

    def is_long(self) -> bool:
        """Whether the next call is expected to be long, or nothing is known of it."""
        return self._costs.calls == 0 or self._costs.mean_seconds > _LONG_SECONDS

    def pause(self, first: Item) -> float:
        """For how many seconds nothing more shall have come before the batch with this first item begins.

        0 where no others are likely to come with it. A model that keeps the interpreter to itself leaves all
        that comes during a call unread until it ends, and the first to be read would be a batch of one.
        """
        if not self.fills:
            return 0.0
        waited = self.has_waited(first) or first.entered - first.context.received > _READ_LATE_SECONDS
        call = self._costs.mean_seconds
        if not waited and (self._size == 1 or first.entered - self._ended > call):
            return 0.0
        return min(_LONGEST_PAUSE_SECONDS, max(_LEAST_PAUSE_SECONDS, call / 10))

    def at_the_latest(self, first: Item) -> float:
        """The time.monotonic() at which a batch with this first item begins, whatever comes."""
        begun = max(first.entered, self._ended)
        return max(begun + self._costs.mean_seconds, first.entered + self.delay)
