"""What the threads of one fetch share: the parts that wait for somebody, the sums, the limits."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from app.runners.algorithm.outcome import Reason, TaskError


@dataclass(frozen=True)
class Limits:
    """At most how many files, and how many bytes in all of them together (None: any number)."""

    files: int
    bytes: int | None


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a large object, for any thread to fetch. fetch raises nothing: its owner looks what came."""

    owner: object
    fetch: Callable[[], None]


class Ledger:
    """changed guards all that several threads change, and is notified of it; halt ends all of them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.changed = threading.Condition()
        self.halt = threading.Event()
        self.received = 0  # bytes, those fetched again too
        self.known = 0  # the sum of the sizes known so far
        self._sizes: dict[object, int] = {}
        self._missing: dict[object, int] = {}  # bytes that are still to come, of large objects
        self._waiting: deque[Part] = deque()
        self._running: Counter[object] = Counter()

    def count(self, received: int) -> None:
        with self.changed:
            self.received += received

    def check_size(self, owner: object, size: int) -> None:
        """Raises TaskError where this object's size, so far, makes the total too large."""
        limit = self.limits.bytes
        total = self.known - self._sizes.get(owner, 0) + size
        if limit is not None and total > limit:
            message = f"The inputs have at least {total:,} bytes together; the limit is {limit:,}."
            raise TaskError(Reason.INPUT, message)

    def expect(self, owner: object, size: int, missing: int, folder: Path) -> None:
        """Note an object's size, and how much of it is still to come to folder.

        Raises TaskError where the limit or the disk does not allow that.
        """
        with self.changed:
            self.check_size(owner, size)
            self.known += size - self._sizes.get(owner, 0)
            self._sizes[owner] = size
            if not missing:
                return
            self._missing[owner] = missing
            needed = sum(self._missing.values())
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if disk.f_blocks and free < needed:  # some file systems do not tell
            message = f"The disk has {free:,} bytes left, but {needed:,} more of the inputs are to come."
            raise TaskError(Reason.DISK, message)

    def arrived(self, owner: object, received: int) -> None:
        """A part is in the file. To be called with the lock."""
        self._missing[owner] -= received

    def offer(self, parts: Iterable[Part]) -> None:
        with self.changed:
            self._waiting.extend(parts)
            self.changed.notify_all()

    def take(self) -> Part | None:
        """A part to run, None where none waits. To be called with the lock."""
        if not self._waiting:
            return None
        part = self._waiting.popleft()
        self._running[part.owner] += 1
        return part

    def run(self, part: Part) -> None:
        try:
            part.fetch()
        finally:
            with self.changed:
                self._running[part.owner] -= 1
                self.changed.notify_all()

    def settle(self, owner: object) -> None:
        """Withdraw what waits of this object, and wait until nobody fetches anything of it."""
        with self.changed:
            self._waiting = deque(part for part in self._waiting if part.owner is not owner)
            self.changed.wait_for(lambda: not self._running[owner])
            del self._running[owner]
            self._missing.pop(owner, None)
