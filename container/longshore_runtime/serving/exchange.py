"""The short way between a connection and the predictor, for a small POST /invocations: as nearly all are.

gunicorn's parser, in Python, costs more than decoding, predicting and encoding a small request together:
bench/application.md has the figures. Here httptools (llhttp, in C) parses. What is not plain is left to
gunicorn, byte for byte as it came: every other route, large bodies, bodies in chunks, what is malformed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import httptools

from longshore_runtime import contract, problem

# Of a request, and of an answer's body that goes with its head: the kernel takes as much at once. Sent one
# after the other, a worker killed in between would have answered by half.
_SMALL_BYTES = 64 * 1024
_BEGINNING = f"POST {contract.INVOCATIONS} HTTP/1.1\r\n".encode()
_END = b"\r\n\r\n"
_NOT_PLAIN = frozenset(
    ("HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_UPGRADE", "HTTP_CONNECTION", "HTTP_CONTENT_ENCODING")
)
_NAMES_REMEMBERED = 1024  # of headers: clients choose them
_MOST_HEADERS = 100  # with more, gunicorn refuses


class Arrived:
    """What has come on a connection: data, all of it; environ, body: of the request, None if it is not plain.

    environ: the request's headers under the names WSGI has for them, and gunicorn's name for the socket.
    """

    def __init__(self, connection: Any) -> None:
        """connection: a gunicorn TConn that has something to read. Raises OSError where it has failed."""
        connection.init()  # its socket blocks from now on
        self.data: bytes = connection.parser.unreader.take_buffered() or connection.sock.recv(_SMALL_BYTES)
        self.environ: dict[str, Any] | None = None
        self.body = b""
        if not self.data.startswith(_BEGINNING):
            return
        begin = self.data.find(_END) + len(_END)
        environ = _environ(self.data[:begin]) if begin >= len(_END) else None
        if environ is None or begin + (length := int(environ["CONTENT_LENGTH"])) > _SMALL_BYTES:
            return
        while begin + length > len(self.data):
            if not (more := connection.sock.recv(_SMALL_BYTES)):
                return
            self.data += more
        if begin + length == len(self.data):
            self.body = self.data[begin:]
            self.environ = environ | {"gunicorn.socket": connection.sock}


class _Headers:
    def __init__(self) -> None:
        self.environ: dict[str, str] = {}
        self.count = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.count += 1
        if (key := _key(name)) is not None:
            text = value.strip(b" \t").decode("latin-1")
            before = self.environ.get(key)
            self.environ[key] = text if before is None else f"{before},{text}"


def _environ(head: bytes) -> dict[str, str] | None:
    """The headers of a plain request; None where it is none."""
    headers = _Headers()
    try:
        httptools.HttpRequestParser(headers).feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    environ = headers.environ
    length = environ.get("CONTENT_LENGTH", "")
    plain = length.isascii() and length.isdigit() and _NOT_PLAIN.isdisjoint(environ)
    return environ if plain and headers.count <= _MOST_HEADERS else None


@functools.lru_cache(maxsize=_NAMES_REMEMBERED)
def _key(name: bytes) -> str | None:
    """None for a name with an underscore: it could pass for another, which has a hyphen."""
    if b"_" in name:
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def send(socket: Any, status: int, headers: Sequence[tuple[str, str]], body: bytes, *, last: bool) -> None:
    """Send an answer; last: no other will follow on this connection. OSError where it has failed."""
    lines = [
        f"HTTP/1.1 {status} {problem.phrase(status)}",
        "Connection: close" if last else "Connection: keep-alive",
        *(f"{name}: {value}" for name, value in headers),
    ]
    text = "\r\n".join(lines)
    if text.count("\r") != len(lines) - 1 or text.count("\n") != len(lines) - 1:
        raise ValueError("a header of the answer has a line break")
    head = text.encode("latin-1") + _END
    if len(body) <= _SMALL_BYTES:
        socket.sendall(head + body)
    else:
        socket.sendall(head)
        socket.sendall(body)
