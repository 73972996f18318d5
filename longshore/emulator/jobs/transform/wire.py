"""HTTP/1.1 as far as batch transform needs it: POST on a kept connection, and an answer that streams.

The standard library's client takes longer to read an answer's headers than a quick container takes to compute
it; with records sent one by one the container would wait for us.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_BLOCK = 1 << 16
_LINE_MAX = 1 << 16
_LENGTH_DIGITS = 18
_HEADERS_MAX = 200

Address = tuple[str, int]


class Gone(Exception):
    """The other end has closed the connection before it answered."""


class Malformed(Exception):
    """What came is not HTTP/1.1, or ends in the middle; the text says where."""


class Answer(NamedTuple):
    """length: of the body in bytes, None where it is chunked, -1 where it lasts until the connection ends."""

    status: int
    content_type: str | None
    length: int | None
    closes: bool


class Connection:
    """To one container. TimeoutError where an exchange goes beyond its deadline, by time.monotonic()."""

    def __init__(self, address: Address, path: str, deadline: float) -> None:
        self._deadline = deadline
        self._socket = socket.create_connection(address, self._left())
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._head = f"POST {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def post(self, headers: dict[str, str], body: bytes | Iterable[bytes], deadline: float) -> Answer:
        """Send a request, chunked where the body is no bytes, and read the answer's head."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{self._head}{lines}".encode("latin-1")
        self._deadline = deadline
        self._socket.settimeout(self._left())
        try:
            if isinstance(body, bytes):
                self._socket.sendall(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
            else:
                self._socket.sendall(b"%bTransfer-Encoding: chunked\r\n\r\n" % head)
                for block in body:
                    if block:
                        self._socket.settimeout(self._left())
                        self._socket.sendall(b"%x\r\n%b\r\n" % (len(block), block))
                self._socket.sendall(b"0\r\n\r\n")
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Gone("it closed the connection while the request was sent") from error
        return self._read_head()

    def blocks(self, answer: Answer) -> Iterator[bytes]:
        """The answer's body; to be read to its end before the next request."""
        if answer.length is not None:
            yield from self._read(answer.length)
            return
        while True:
            try:
                size = int(self._line().partition(b";")[0], 16)
            except ValueError:
                raise Malformed("a chunk without its size") from None
            if size == 0:
                break
            yield from self._read(size)
            self._line()
        while self._line():
            pass  # trailers

    def _read_head(self) -> Answer:
        try:
            first = self._line()
        except (ConnectionResetError, Malformed) as error:
            raise Gone("it closed the connection without an answer") from error
        version, _, rest = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise Malformed(f"an answer that begins with {first[:50]!r}")
        status, length, closes = int(rest[:3]), -1, version == b"HTTP/1.0"
        chunked, content_type = False, None
        for _ in range(_HEADERS_MAX):
            line = self._line()
            if not line:
                break
            name, _, value = line.partition(b":")
            name, value = name.lower(), value.strip()
            if name == b"content-type":
                content_type = value.decode("latin-1")
                continue
            value = value.lower()
            if name == b"content-length" and value.isdigit():
                if len(value) > _LENGTH_DIGITS:
                    raise Malformed("a Content-Length that no body has")
                length = int(value)
            elif name == b"transfer-encoding":
                chunked = value == b"chunked"
            elif name == b"connection":
                closes = value == b"close" or (closes and value != b"keep-alive")
        else:
            raise Malformed(f"more than {_HEADERS_MAX} headers")
        if 100 <= status < 200:
            return self._read_head()
        if status in (204, 304):
            return Answer(status, content_type, 0, closes)
        until_the_end = length == -1 and not chunked
        return Answer(status, content_type, None if chunked else length, closes or until_the_end)

    def _line(self) -> bytes:
        line = self._file.readline(_LINE_MAX)
        if not line.endswith(b"\n"):
            raise Malformed("a line without an end")
        return line.rstrip(b"\r\n")

    def _read(self, size: int) -> Iterator[bytes]:
        """So many bytes; all there are for -1."""
        while size:
            self._socket.settimeout(self._left())
            block = self._file.read1(_BLOCK if size < 0 else min(size, _BLOCK))
            if not block:
                if size < 0:
                    return
                raise Malformed(f"an answer that lacks {size} bytes")
            size -= len(block) if size > 0 else 0
            yield block

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left
