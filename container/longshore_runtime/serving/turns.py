"""Which of a worker's threads waits for requests: one at a time, and the same one for as long as it can.

Threads that take part in every request take each other's interpreter lock at every read and write:
gunicorn's own answer a fifth to a third fewer requests. So the thread that has the turn answers request
after request, and hands the turn on only before something that takes long: a call of the model, or
waiting for one. bench/results.md has the figures.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class _Waiter:
    """A thread that waits for the turn, and the turn it is given: each is an object of its own."""

    def __init__(self) -> None:
        self.turn = object()
        self.gate = threading.Lock()
        self.gate.acquire()


class Turns:
    """The turn of one process. Threads that never take it may call everything else."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._mine = threading.local()
        self._current: object | None = None
        # The one that came last goes first: what it needs is still in the processor's caches.
        self._waiting: list[_Waiter] = []
        self.when_nobody_waits: Callable[[], None] = lambda: None

    def take(self) -> None:
        """Wait for the turn."""
        waiter = _Waiter()
        with self._guard:
            free = self._current is None
            if free:
                self._current = waiter.turn
            else:
                self._waiting.append(waiter)
        if not free:
            waiter.gate.acquire()
        self._mine.turn = waiter.turn

    def has(self) -> bool:
        """Whether the calling thread has the turn."""
        turn = getattr(self._mine, "turn", None)
        return turn is not None and turn is self._current

    def hand_over(self) -> None:
        """Let another thread have the turn; nothing where the calling thread does not have it."""
        if self.has():
            self.take_away()

    def take_away(self) -> None:
        """Let another thread have the turn, whoever has it now."""
        with self._guard:
            waiter = self._waiting.pop() if self._waiting else None
            self._current = waiter.turn if waiter else None
        if waiter:
            waiter.gate.release()
        else:
            self.when_nobody_waits()


turns = Turns()
