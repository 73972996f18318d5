"""Request bodies with `Transfer-Encoding: chunked`, as a stream that ends where the body ends.

cheroot's own reader never returns from readline() if a chunk holds a line break, copies what is left of a
chunk for each read, and leaves the trailer of the body to the next request.
"""

from __future__ import annotations

import io
from typing import Any

from longshore.emulator.bodies import BLOCK
from longshore.emulator.faults import AwsError

_LONGEST_LINE = 4096
_MOST_TRAILERS = 64


def incomplete(what: str) -> AwsError:
    """Return the error for a body that ends before its end, worded as S3 does."""
    return AwsError("IncompleteBody", f"You did not provide the number of bytes specified by {what}.")


def malformed(what: str) -> AwsError:
    """Return the error for a body whose chunks cannot be told apart."""
    return AwsError("InvalidRequest", f"The chunks of the request's body are malformed: {what}.")


class ChunkedBody(io.RawIOBase):
    """The decoded body. Reading raises AwsError if it is malformed, or ends before its last chunk.

    Attributes:
        ended: Whether all of it, the trailer included, has been read.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = 0  # bytes of the current chunk
        self._first = True
        self.ended = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the current chunk, or the next one. Returns 0 at the end."""
        if not self._left and not self.ended:
            self._next_chunk()
        if self.ended:
            return 0
        data = self._stream.read(min(len(buffer), self._left))
        if not data:
            raise incomplete("its chunks")
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def _next_chunk(self) -> None:
        if not self._first and self._line():
            raise malformed("a chunk has more bytes than its size")
        self._first = False
        line = self._line()
        self._left = chunk_size(line)
        if self._left == 0:
            for _ in range(_MOST_TRAILERS):
                if not self._line():
                    self.ended = True
                    return
            raise malformed("the trailer has too many lines")

    def _line(self) -> bytes:
        return read_line(self._stream, "its chunks")


def buffered(stream: Any) -> tuple[io.BufferedReader, ChunkedBody]:
    """Return a body's reader, and the body that says whether it has ended."""
    body = ChunkedBody(stream)
    return io.BufferedReader(body, BLOCK), body


def read_line(stream: Any, what: str) -> bytes:
    """Return the next line without its end.

    Raises:
        AwsError: if the stream ends before the line does, or the line is too long.
    """
    line: bytes = stream.readline(_LONGEST_LINE)
    if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
        raise malformed("a line is too long")
    if not line.endswith(b"\n"):
        raise incomplete(what)
    return line.rstrip(b"\r\n")


def chunk_size(line: bytes) -> int:
    """Return the size that a chunk's first line states. Raises AwsError if it states none."""
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 16 or digits.strip(b"0123456789abcdefABCDEF"):
        raise malformed(f"{line[:40].decode('latin-1')!r} is no chunk size")
    return int(digits, 16)
