"""What the objects of one fetch add up to, and whether the limits and the disk allow that."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError


@dataclass(frozen=True)
class Limits:
    """At most how many files, and how many bytes in all of them together (None: any number)."""

    files: int
    bytes: int | None


class Budget:
    """known: the sum of the sizes known so far, in bytes."""

    def __init__(self, limit: int | None) -> None:
        """limit: on the bytes of all objects together."""
        self.known = 0
        self._limit = limit
        self._lock = threading.Lock()  # over known and the two below
        self._missing = 0  # bytes that are still to come, of large objects
        self._of: dict[object, tuple[int, int]] = {}  # each one's size, and what of it is missing

    def check(self, owner: object, size: int) -> None:
        """Raises TaskError where this object's size, so far, makes the total too large."""
        total = self.known - self._of.get(owner, (0, 0))[0] + size
        if self._limit is not None and total > self._limit:
            message = f"The inputs have at least {total:,} bytes together; the limit is {self._limit:,}."
            raise TaskError(Reason.INPUT, message)

    def expect(self, owner: object, size: int, missing: int, folder: Path) -> None:
        """Note an object's size, and how much of it is still to come to folder; once more where it changed.

        Raises TaskError where the limit or the disk does not allow that.
        """
        with self._lock:
            self.check(owner, size)
            size_before, missing_before = self._of.get(owner, (0, 0))
            self._of[owner] = size, missing
            self.known += size - size_before
            self._missing += missing - missing_before
            needed = self._missing
        if not missing:
            return
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if disk.f_blocks and free < needed:  # some file systems do not tell
            message = f"The disk has {free:,} bytes left, but {needed:,} more of the inputs are to come."
            raise TaskError(Reason.DISK, message)

    def arrived(self, owner: object, received: int) -> None:
        """So much of what was missing is in the file."""
        with self._lock:
            size, missing = self._of[owner]
            self._of[owner] = size, missing - received
            self._missing -= received
