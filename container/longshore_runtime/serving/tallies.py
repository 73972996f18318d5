"""How many requests nginx has answered itself: it writes a byte for each into a file (nginx.conf).

The file's size is the count, so that none is lost between reading and anything else. Its blocks are given
back to the disk, which leaves the size as it is: the file is one long hole.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

# Files of nginx's: of refusals in place of full workers, and of its other answers to /invocations, by status.
REFUSED = "refused"
OWN = {status: f"answered_{status}" for status in (408, 413, 500, 502, 503, 504)}
_KEEP_SIZE, _PUNCH_HOLE = 1, 2  # of fallocate(2)
_WORTH_A_HOLE = 2**20  # bytes

_fallocate = ctypes.CDLL(None).fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


class Tally:
    """The bytes of one file, since the start."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._given_back = 0

    def count(self) -> int:
        """How many there have been."""
        try:
            size = self._file.stat().st_size
        except FileNotFoundError:  # nginx has not begun
            return 0
        if size - self._given_back > _WORTH_A_HOLE:
            self._give_back(size)
        return size

    def _give_back(self, size: int) -> None:
        with contextlib.suppress(OSError):
            descriptor = os.open(self._file, os.O_WRONLY)
            try:
                # Not every file system can: there it grows.
                _fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, 0, size)
            finally:
                os.close(descriptor)
        self._given_back = size
