"""Bodies of requests and answers, read and written in blocks.

cheroot's streams are written in Python: they allocate a read's whole size for each packet that comes, and
copy what is left of a write for each that goes. With 5 MB in one piece that is most of an invocation's time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

BLOCK = 1 << 18


def read_body(environ: Mapping[str, Any]) -> bytes:
    """The whole body of a request, chunked or not."""
    return read_limited(environ, sys.maxsize) or b""


def read_limited(environ: Mapping[str, Any], limit: int) -> bytes | None:
    """The whole body; None where it has more bytes than the limit.

    One that is too large is read to its end all the same, and thrown away: who still sends when the
    connection is closed reads no answer.
    """
    stream = environ["wsgi.input"]
    left = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    blocks: list[bytes] = []
    size = 0
    while left is None or left > 0:
        block = stream.read(BLOCK if left is None else min(BLOCK, left))
        if not block:
            break
        left = None if left is None else left - len(block)
        size += len(block)
        if size <= limit:
            blocks.append(block)
        else:
            blocks.clear()
    return b"".join(blocks) if size <= limit else None


def in_blocks(body: bytes) -> Iterable[bytes]:
    """A body as a WSGI application returns it."""
    if len(body) <= BLOCK:
        return [body]
    return (body[start : start + BLOCK] for start in range(0, len(body), BLOCK))
