"""Signals as something to wait for beside everything else."""

from __future__ import annotations

import os
import signal


def pipe() -> int:
    """The end to read of a new pipe that gets the number of each signal that has a handler.

    So none is slept over: not one that comes just before the wait, nor one that another thread gets.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading
