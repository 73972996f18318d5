"""stdout and stderr of all processes of the server: pipes to a pump in the supervisor (pump.py)."""

from __future__ import annotations

import fcntl
import os
import stat

from longshore_runtime import descriptors
from longshore_runtime.serving.pump import Pump, Sink, Source

_NAMES = {1: "stdout", 2: "stderr"}
_END_SECONDS = 0.5  # for a reader that is slow; one that has stalled is not waited for


class Streams:
    """Descriptors 1 and 2 of this process, and so of its children, lead to the pump until end()."""

    def __init__(self) -> None:
        descriptors.keep()  # opens those that are closed
        self._own = {number: fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3) for number in _NAMES}
        sources: dict[tuple[int, int], Source] = {}
        for number, own in self._own.items():
            status = os.fstat(own)
            # One pipe where both are the same file or terminal: this keeps the order of what is written.
            file = status.st_dev, status.st_ino
            if file not in sources:
                if stat.S_ISREG(status.st_mode):  # another process may write to it as well
                    fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_APPEND)
                sources[file] = Source(Sink(own, _NAMES[number]))
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
