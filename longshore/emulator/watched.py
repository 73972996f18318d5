"""Copies of any size that end when they are no longer wanted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import IO, Any

_BLOCK = 1 << 20

Check = Callable[[], None]  # raises what ends the copy


class Watched:
    """A stream for reading that calls check before each block."""

    def __init__(self, stream: IO[bytes], check: Check) -> None:
        self._stream = stream
        self._check = check

    def read(self, size: int = -1) -> bytes:
        """As the stream's."""
        self._check()
        return self._stream.read(size)


def copy(source: IO[bytes], target: Any, check: Check) -> None:
    """Copy what is left of a stream into another one."""
    shutil.copyfileobj(Watched(source, check), target, _BLOCK)
