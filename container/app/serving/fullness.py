"""While no worker has room for a request, nginx refuses in their place: a file says so (nginx.conf).

A worker has to read a request to refuse it, beside a model that has the interpreter lock: 0.25 ms of a core,
and nginx needs a tenth of that. What refusals cost is taken from the answers.

Each worker has a byte in memory that gunicorn's master and all workers share. Who becomes full and finds no
other with room makes the file, and then looks again, because another may have found room, and removed nothing,
in between. Who has room again, or is a new worker, says so in its byte first and removes the file then. So does
the master for a worker that has died.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from pathlib import Path

_NAME = "full"  # in the workers' folder
_GONE, _HAS_ROOM, _FULL = b"\0", b"\1", b"\2"


class Fullness:
    """Which workers are full, and the file. Not for several threads of a worker at once."""

    def __init__(self) -> None:
        self._states = mmap.mmap(-1, mmap.PAGESIZE)  # one for each worker's number
        self._slot: int | None = None
        self._file = ""

    # In the master

    def gone(self, slot: int, run_dir: Path) -> None:
        """The worker of this number, from 0, has ended."""
        self._states[slot : slot + 1] = _GONE
        _remove(str(run_dir / _NAME))

    # In the worker

    def adopt(self, slot: int, run_dir: Path) -> None:
        """This process is the worker of that number. Before this nothing that it says counts."""
        self._slot, self._file = slot, str(run_dir / _NAME)

    def full(self) -> None:
        """This worker refuses. To be said with each refusal: the file may have gone for another's sake."""
        if self._slot is None:
            return
        self._states[self._slot : self._slot + 1] = _FULL
        if self._states.find(_HAS_ROOM) >= 0:
            return
        with contextlib.suppress(OSError):  # the disk is full: then workers refuse
            os.close(os.open(self._file, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        if self._states.find(_HAS_ROOM) >= 0:
            _remove(self._file)

    def has_room(self) -> None:
        """This worker takes requests, for the first time or again."""
        if self._slot is None:
            return
        self._states[self._slot : self._slot + 1] = _HAS_ROOM
        _remove(self._file)


def _remove(file: str) -> None:
    with contextlib.suppress(OSError):  # most often it is not there
        os.unlink(file)


# This process's own, and the memory that all who come from the same gunicorn have.
mine = Fullness()
