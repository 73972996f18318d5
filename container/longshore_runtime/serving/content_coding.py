"""Content-Encoding of request bodies: gzip is decompressed, within limits; everything else is a 415."""

from __future__ import annotations

import zlib

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.base import UnreadBody

HEADER = "HTTP_CONTENT_ENCODING"  # as WSGI names it
_GZIP = ("gzip", "x-gzip")
_GZIP_FORMAT = 31  # zlib's number for it
_DEFLATE_RATIO = 1032  # no body decompresses to more than so many times its size
_CHUNK = 2**16
# Each costs some microseconds, however little is in it. Tools that write many put 64 KB into each.
_MEMBERS_MAX = 20_000


def decoded(body: bytes | UnreadBody, coding: str, limit: int) -> bytes | UnreadBody:
    """Return the body without its Content-Encoding.

    Args:
        coding: the header's value.
        limit: the most bytes that it may decompress to.

    Raises:
        RequestError: 415 for a coding other than gzip. For bytes also 400 if they cannot be decompressed, and
            413 above the limit; for an UnreadBody these come when it is read.
    """
    codings = [name.strip().lower() for name in coding.split(",")]
    codings = [name for name in codings if name not in ("", "identity")]
    if not codings:
        return body
    if len(codings) > 1 or codings[0] not in _GZIP:
        raise RequestError(
            415,
            f"The Content-Encoding {coding[:100]!r} is not supported. Send the body with gzip, or without.",
            {"Accept-Encoding": "gzip"},
        )
    if isinstance(body, UnreadBody):
        return _GzipBody(body, limit)
    return bytes(_gunzip(body, limit))


class _GzipBody(UnreadBody):
    """A body that is decompressed when it is read. size: the most that it can decompress to."""

    def __init__(self, compressed: UnreadBody, limit: int) -> None:
        super().__init__(compressed.stream, min(limit, compressed.size * _DEFLATE_RATIO))
        self._compressed = compressed
        self._limit = limit

    def read(self) -> bytes:
        return bytes(self.read_writable())

    def read_writable(self) -> bytearray:
        return _gunzip(self._compressed.read(), self._limit)


def _gunzip(body: bytes, limit: int) -> bytearray:
    """Decompress all members of a gzip body; zeros after the last one are padding."""
    view = memoryview(body)
    data = bytearray()
    at = members = 0
    while at < len(view):
        if view[at] == 0 and members and not body[at:].strip(b"\0"):
            break
        members += 1
        if members > _MEMBERS_MAX:
            raise _unreadable(f"it has more than {_MEMBERS_MAX} members")
        at = _member(view, at, data, limit)
    if not data:
        raise _unreadable("there is nothing in it")
    return data


def _member(view: memoryview, at: int, data: bytearray, limit: int) -> int:
    """Append the member that begins at this offset to data, and return the offset of its end."""
    member = zlib.decompressobj(_GZIP_FORMAT)
    part: bytes | memoryview = b""
    while not member.eof:
        if not part:
            part = view[at : at + _CHUNK]
            at += len(part)
            if not part:
                raise _unreadable("its end is missing")
        try:
            data += member.decompress(part, limit + 1 - len(data))
        except zlib.error as error:
            raise _unreadable(str(error)) from None
        if len(data) > limit:
            raise RequestError(
                413,
                f"The gzip body decompresses to more than {limit >> 20} MB (MODEL_SERVER_MAX_PAYLOAD_MB)."
                " Send fewer records at a time.",
            )
        part = member.unconsumed_tail
    return at - len(member.unused_data)


def _unreadable(why: str) -> RequestError:
    return RequestError(400, f"The body cannot be decompressed as its Content-Encoding, gzip: {why}.")
