"""stdout and stderr of all processes of the server: files as they are, or else pipes to a pump (pump.py).

A regular file has no reader that could stall, so the processes write to it directly.
"""

from __future__ import annotations

import fcntl
import os
import stat

from longshore_runtime import descriptors
from longshore_runtime.serving.pump import Pump, Sink, Source

_NAMES = {1: "stdout", 2: "stderr"}
_END_SECONDS = 0.5  # for a reader that is slow; one that has stalled is not waited for


class Streams:
    """Descriptors 1 and 2 of this process and its children lead to files, or to the pump until end()."""

    def __init__(self) -> None:
        descriptors.keep()  # opens those that are closed
        self._own: dict[int, int] = {}
        sources: dict[tuple[int, int], Source] = {}
        for number, name in _NAMES.items():
            status = os.fstat(number)
            if stat.S_ISREG(status.st_mode):  # several processes write to it
                fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)
                if _can_be_opened(number):
                    continue
            self._own[number] = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3)
            # One pipe where both are the same file or terminal: this keeps the order of what is written.
            file = status.st_dev, status.st_ino
            if file not in sources:
                sources[file] = Source(Sink(self._own[number], name))
            os.dup2(sources[file].writing, number)
        descriptors.keep()  # this process's own log lines go through the pump, too
        self._pump = Pump(list(sources.values()))

    def dropped(self) -> int:
        """Return how many lines have been dropped because a reader stalled or has gone."""
        return self._pump.dropped

    def end(self) -> None:
        """Pass on what has been written, and have this process write directly again."""
        if self._pump.end(_END_SECONDS):
            for number, own in self._own.items():
                os.dup2(own, number)
            descriptors.keep()


def _can_be_opened(number: int) -> bool:
    """Return whether nginx can open this file by its name, /dev/stdout: not one of another user."""
    try:
        os.close(os.open(f"/proc/self/fd/{number}", os.O_WRONLY | os.O_APPEND))
    except OSError:
        return False
    return True
