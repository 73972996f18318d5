"""While no worker has room for a request, nginx refuses in their place: a file says so (nginx.conf).

To refuse a request a worker has to read it, beside a model that has the interpreter lock: 0.25 ms of a core,
and nginx needs a tenth of that. What refusals cost is taken from the answers.

Each worker has a byte in memory that gunicorn's master and all workers share. Who becomes full, and sees no
other with room, makes the file, and then looks again: another may have found room meanwhile, before there was
a file to remove. Who has room, again or as a new worker, first says so in its byte and then removes the file.
So does the master for a worker that has died.
"""

from __future__ import annotations

import contextlib
import mmap
from pathlib import Path

_NAME = "full"  # in the workers' folder
_GONE, _HAS_ROOM, _FULL = b"\0", b"\1", b"\2"


class Fullness:
    """Which workers are full, and the file. Not for several threads of a worker at once."""

    def __init__(self) -> None:
        self._states = mmap.mmap(-1, mmap.PAGESIZE)  # one for each worker's number
        self._slot: int | None = None
        self._file = Path()

    # In the master

    def gone(self, slot: int, run_dir: Path) -> None:
        """The worker of this number, from 0, has ended."""
        self._states[slot : slot + 1] = _GONE
        _remove(run_dir / _NAME)

    # In the worker

    def adopt(self, slot: int, run_dir: Path) -> None:
        """This process is the worker of that number. Before this nothing that it says counts."""
        self._slot, self._file = slot, run_dir / _NAME

    def full(self) -> None:
        """This worker refuses. To be said with each refusal: the file may have gone for another's sake."""
        if self._slot is None:
            return
        self._states[self._slot : self._slot + 1] = _FULL
        if self._states.find(_HAS_ROOM) >= 0:
            return
        with contextlib.suppress(OSError):  # the disk is full: the workers refuse, as long as it is
            self._file.touch()
        if self._states.find(_HAS_ROOM) >= 0:
            _remove(self._file)

    def has_room(self) -> None:
        """This worker takes requests, for the first time or again."""
        if self._slot is None:
            return
        self._states[self._slot : self._slot + 1] = _HAS_ROOM
        _remove(self._file)


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):  # the disk has become read-only
        file.unlink(missing_ok=True)


# This process's own, and the memory that all who come from the same gunicorn have.
mine = Fullness()
