"""Signals to one thread of another process, as the kernel may choose one."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

from tests.support.server import stat_of


def signal_to_a_thread(pid: int, place: int, number: signal.Signals) -> None:
    """To its thread at this place: 0 is the main thread, -1 the last that was started."""
    others = {int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()} - {pid}
    threads = [pid, *sorted(others, key=lambda thread: (int(stat_of(thread)[19]), thread))]
    if ctypes.CDLL(None, use_errno=True).tgkill(pid, threads[place], int(number)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
