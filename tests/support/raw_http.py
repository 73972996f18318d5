"""HTTP requests as bytes, for those that no library would send; their model is tests/models/gated.py."""

from __future__ import annotations

import contextlib
import json
import re
import socket

from tests.support.server import PATIENCE, Server

HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def item(name: str) -> bytes:
    return json.dumps({"name": name, "quick": True}).encode()


BODY = item("outer")
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


def whole(name: str, more: bytes = b"") -> bytes:
    """A request as it should be."""
    body = item(name)
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunk(data: bytes, size: bytes | None = None, extension: bytes = b"") -> bytes:
    return (b"%x" % len(data) if size is None else size) + extension + b"\r\n" + data + b"\r\n"


SMUGGLED = whole("smuggled")
LAST = whole("last", b"Connection: close\r\n")


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def until_closed(server: Server, request: bytes) -> bytes:
    """All that comes back for these bytes until the connection is closed."""
    got = b""
    with connect(server) as connection:
        # It may be closed before it has taken all.
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                got += part
    return got


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]
