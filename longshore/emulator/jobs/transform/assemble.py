"""The answers to an object's requests become one object (AssembleWith, C5), in a file until all are there."""

from __future__ import annotations

from typing import IO


def add(spool: IO[bytes], answer: bytes, *, lines: bool) -> None:
    """Write one answer; lines: AssembleWith Line, an end of line after each answer that has none."""
    spool.write(answer)
    if lines and not answer.endswith(b"\n"):
        spool.write(b"\n")
