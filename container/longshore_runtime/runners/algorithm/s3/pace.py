"""Ends transfers that trickle: silence has a limit of its own, but a byte a second would go on for days."""

from __future__ import annotations

import time

WINDOW_S = 30.0
LEAST = 1000  # bytes a second, on average over the window; with 16 connections 128 kbit/s in all


class Pace:
    """Of one transfer: of a request's body, or of an answer."""

    def __init__(self) -> None:
        self._since: float | None = None  # when the window began: silence before the first byte is none of it
        self._moved = 0

    def is_too_slow(self, moved: int) -> bool:
        """Note bytes that moved; returns whether a window has ended in which there were too few."""
        self._moved += moved
        now = time.monotonic()
        if self._since is None:
            self._since = now
        seconds = now - self._since
        if seconds < WINDOW_S:
            return False
        too_slow = self._moved < LEAST * seconds
        self._since, self._moved = now, 0
        return too_slow
