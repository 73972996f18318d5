"""How long the last invocations of each endpoint took and how they ended, for the page."""

from __future__ import annotations

import collections
import time
from typing import Any, NamedTuple

_KEPT = 5000  # invocations of each endpoint
WINDOW_SECONDS = 300.0
_SLOTS = 60  # the window's parts


class Invocation(NamedTuple):
    """ended: by time.monotonic(); status: what the client got."""

    ended: float
    milliseconds: float
    status: int


class Latency:
    """The last invocations by endpoint. add() is called by many threads; deque.append needs no lock."""

    def __init__(self) -> None:
        self._kept: dict[str, collections.deque[Invocation]] = {}

    def add(self, endpoint: str, milliseconds: float, status: int) -> None:
        """An invocation that has just been answered."""
        kept = self._kept.get(endpoint)
        if kept is None:
            kept = self._kept.setdefault(endpoint, collections.deque(maxlen=_KEPT))
        kept.append(Invocation(time.monotonic(), milliseconds, status))

    def forget(self, endpoint: str) -> None:
        """It has been deleted."""
        self._kept.pop(endpoint, None)

    def summary(self, endpoint: str) -> dict[str, Any]:
        """Of the last minutes: count, errors, p50, p90 and p99 of all, and 60 slots, oldest first, for a
        drawing. All times are milliseconds; seconds: the time that the numbers are about.
        """
        now = time.monotonic()
        kept = self._kept.get(endpoint)
        found = [one for one in list(kept or ()) if now - one.ended < WINDOW_SECONDS]
        times = sorted(one.milliseconds for one in found)
        slots: list[list[Invocation]] = [[] for _ in range(_SLOTS)]
        for one in found:
            slots[_SLOTS - 1 - int((now - one.ended) / WINDOW_SECONDS * _SLOTS)].append(one)
        full = len(found) == _KEPT  # there were more, of which nothing is known any longer
        return {
            "seconds": now - found[0].ended if full else WINDOW_SECONDS,
            "count": len(found),
            "errors": sum(one.status >= 400 for one in found),
            **{f"p{part}": _percentile(times, part) for part in (50, 90, 99)},
            "slots": [_slot(slot) for slot in slots],
        }


def _percentile(times: list[float], part: int) -> float | None:
    """The nearest rank's."""
    return times[max(0, -(-len(times) * part // 100) - 1)] if times else None


def _slot(found: list[Invocation]) -> dict[str, Any]:
    times = sorted(one.milliseconds for one in found)
    return {
        "count": len(found),
        "errors": sum(one.status >= 400 for one in found),
        "median": _percentile(times, 50),
        "slowest": times[-1] if times else None,
    }
