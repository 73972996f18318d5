"""Room in a worker's memory for large bodies: what has none waits unread, while nginx holds it in a file."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model.item import late

# Of what bodies from this size on leave behind, the allocator keeps up to 64 MB for each thread: glibc is
# told to give it back. musl has no such function, and need not be told.
_TRIM_FROM = 8 * 2**20
_trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)


class _Waiter:
    """A thread that waits, and the bytes it wants."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.gate = threading.Lock()
        self.gate.acquire()


class Room:
    """For so many bytes, in the order of asking. A body larger than all of it is let in when it is alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._mutex = threading.Lock()
        self._waiting: deque[_Waiter] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for room."""
        return len(self._waiting)

    @contextmanager
    def hold(self, size: int, context: Context, deadline: float) -> Iterator[None]:
        """Have room for a body of this size, as soon as it is free; RequestError (503) after the deadline."""
        with self._mutex:
            waiter = None if not self._waiting and self._fits(size) else _Waiter(size)
            if waiter is None:
                self._taken += size
            else:
                self._waiting.append(waiter)
        if waiter is not None:
            context.hand_over()
            self._wait(waiter, deadline)
        try:
            yield
        finally:
            if size >= _TRIM_FROM:
                _trim(0)
            with self._mutex:
                self._taken -= size
                self._let_in()

    def _fits(self, size: int) -> bool:
        return not self._taken or self._taken + size <= self._size

    def _wait(self, waiter: _Waiter, deadline: float) -> None:
        if waiter.gate.acquire(timeout=max(0.0, deadline - monotonic())):
            return
        with self._mutex:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._let_in()  # the next may be smaller
                raise late()

    def _let_in(self) -> None:
        while self._waiting and self._fits(self._waiting[0].size):
            waiter = self._waiting.popleft()
            self._taken += waiter.size
            waiter.gate.release()
