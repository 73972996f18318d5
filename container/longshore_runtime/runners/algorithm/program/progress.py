"""What a running program says of its progress, in a file named by its environment.

The format is one line, `FRACTION[ TEXT]`, such as "0.42 registering slice 17": a decimal number from 0 to
1 and, after a space, any text. The program may append lines or write the file anew; the last
line that is whole (ends in a newline) and begins with a number counts. The file is the program's, so
anything may lie there: what cannot be read as progress is no progress, never an error.
"""

from __future__ import annotations

import math
import os
import re
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TEXT_MAX = 200  # characters
_LOOK_SECONDS = 1.0
_TAIL_BYTES = 64 * 1024
_LINE = re.compile(rb"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Progress:
    """The progress file at path."""

    path: Path

    def read(self) -> tuple[float, str] | None:
        """The fraction, within [0, 1], and the text; None where there is none yet, or none to be read."""
        try:
            lines = _tail(self.path).split(b"\n")
        except (OSError, ValueError):
            return None
        for line in reversed(lines[:-1]):  # after the last newline comes a line still being written
            match = _LINE.fullmatch(line)
            if match and math.isfinite(fraction := float(match[1])):
                return min(max(fraction, 0.0), 1.0), _plain(match[2] or b"")
        return None


class Watch:
    """As a context manager: tells each new progress while it lasts, and the last one at its end."""

    def __init__(self, progress: Progress, tell: Callable[[float, str], None]) -> None:
        self._progress = progress
        self._tell = tell
        self._told: tuple[float, str] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        now = self._progress.read()
        if now is not None and now != self._told:
            self._told = now
            self._tell(*now)


def _tail(path: Path) -> bytes:
    """The end of a regular file. Never follows a link, and never waits for a pipe's other end."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return b""
        start = max(status.st_size - _TAIL_BYTES, 0)
        content = os.pread(fd, _TAIL_BYTES, start)
    finally:
        os.close(fd)
    # Where the start is cut off, the first line may be the end of one; without a newline nothing is whole.
    return content if start == 0 else content.partition(b"\n")[2]


def _plain(text: bytes) -> str:
    words = " ".join(text.decode(errors="replace").split())
    return "".join(character for character in words if character.isprintable())[:TEXT_MAX]
