"""The answers to an object's requests become one object (AssembleWith, C5), in a file until all are there."""

from __future__ import annotations

from typing import BinaryIO


def output_key(prefix: str, key: str, inputs: str) -> str:
    """Where the answers for `key` go: below the output's prefix, as `key` is below the input's, plus `.out`.

    inputs: the input's prefix. It counts as a folder where the key goes on with a slash; what is no folder,
    such as a whole key or the beginning of a name, counts up to its last slash.
    """
    if inputs and not inputs.endswith("/") and key.startswith(inputs + "/"):
        inputs += "/"
    below = key[inputs.rfind("/") + 1 :]
    return f"{prefix.strip('/')}/{below}.out".lstrip("/")


def add(spool: BinaryIO, answer: bytes, *, lines: bool) -> None:
    """Write one answer; lines: AssembleWith Line, an end of line after each answer that has none."""
    spool.write(answer)
    if lines and not answer.endswith(b"\n"):
        spool.write(b"\n")
