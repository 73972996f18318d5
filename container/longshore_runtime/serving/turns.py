"""Which of a worker's threads waits for requests: one at a time, and the same one for as long as it can.

Threads that take part in every request take each other's interpreter lock at every read and write:
gunicorn's own answer a fifth to a third fewer requests. So the thread that has the turn answers request
after request, and hands the turn on only before something that takes long: a call of the model, or
waiting for one. bench/results.md has the figures.

The main thread may have the turn as well, but no other thread waits for anything that only it does: it is
called for a call of the model, and given the turn where it waits for either.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class _Waiter:
    """A thread that waits, and the turn it is given: each is an object of its own. Or an errand instead."""

    def __init__(self) -> None:
        self.turn = object()
        self.errand: Any = None
        self.gate = threading.Lock()
        self.gate.acquire()


class Turns:
    """The turn of one process. Threads that never take it may call everything else.

    start_another: starts a thread that will take() the turn; returns False if that cannot be.
    wake_reader: has the thread that waits for requests look around.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._mine = threading.local()
        self._current: object | None = None
        # The one that came last goes first: what it needs is still in the processor's caches.
        self._waiting: list[_Waiter] = []
        self._errands: deque[Any] = deque()
        self._main = _Waiter()
        self._main_ident: int | None = None
        self._main_waits = False
        self._main_called = False
        self._unclaimed = False  # nobody has the turn, and nobody will come to take it
        self.start_another: Callable[[], bool] = lambda: True
        self.wake_reader: Callable[[], None] = lambda: None

    def take(self) -> Any:
        """Wait for the turn, and return None; or return an errand, without the turn."""
        waiter = _Waiter()
        with self._guard:
            if self._errands:
                return self._errands.popleft()
            free = self._current is None
            if free:
                self._current = waiter.turn
            else:
                self._waiting.append(waiter)
        if not free:
            waiter.gate.acquire()
        if waiter.errand is None:
            self._mine.turn = waiter.turn
        return waiter.errand

    def has(self) -> bool:
        """Return whether the calling thread has the turn."""
        turn = getattr(self._mine, "turn", None)
        return turn is not None and turn is self._current

    def hand_over(self) -> None:
        """Let another thread have the turn. Does nothing if the calling thread does not have it."""
        if self.has():
            self.take_away()

    def take_away(self) -> None:
        """Let another thread have the turn, no matter which one has it now."""
        with self._guard:
            waiter = self._waiting.pop() if self._waiting else None
            self._current = waiter.turn if waiter else None
        if waiter:
            waiter.gate.release()
        elif not self.start_another():
            with self._guard:
                if self._current is None:
                    self._unclaimed = not self._give_main()

    def send(self, errand: Any) -> None:
        """Have another thread than the calling one do this, without the turn."""
        with self._guard:
            waiter = self._waiting.pop() if self._waiting else None
            if waiter:
                waiter.errand = errand
            else:
                self._errands.append(errand)
        if waiter:
            waiter.gate.release()
        else:
            self.start_another()

    # The main thread

    def enter_main(self) -> None:
        """Make the calling thread the main one, which need not be given the turn to be called."""
        self._main_ident = threading.get_ident()
        self._mine.turn = self._main.turn

    def is_me(self) -> bool:
        """Return whether the calling thread is the main one."""
        return threading.get_ident() == self._main_ident

    def call(self) -> None:
        """Have the main thread look around: it waits, reads, or comes back to it when it has time."""
        with self._guard:
            self._main_called = True
            reads = self._current is self._main.turn
            if self._main_waits:
                self._wake_main()
        if reads:
            self.wake_reader()

    def wait_in_main(self) -> None:
        """Wait until the main thread is called, or has the turn."""
        with self._guard:
            if self._main_called or self._current is self._main.turn:
                self._main_called = False
                return
            if self._unclaimed and self._current is None:
                self._current, self._unclaimed = self._main.turn, False
                return
            self._main_waits = True
        self._main.gate.acquire()
        with self._guard:
            self._main_waits = self._main_called = False

    def others_come(self) -> bool:
        """Return whether another thread waits for the turn."""
        return bool(self._waiting)

    def offer_to_main(self) -> None:
        """Let the main thread have the turn of the calling one: at once, or after the call that it is in."""
        if self.has():
            with self._guard:
                if not self._give_main():
                    self._current = self._main.turn

    def _give_main(self) -> bool:
        if not self._main_waits:
            return False
        self._current = self._main.turn
        self._wake_main()
        return True

    def _wake_main(self) -> None:
        self._main_waits = False
        if self._main.gate.locked():  # not if a signal's handler has ended the wait
            self._main.gate.release()


turns = Turns()
