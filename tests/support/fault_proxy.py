"""A proxy between an S3 client and its server that does to chosen requests what networks and S3 do to some.

It passes on what it gets, Host included, which is signed. A body is held in memory whole.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """kind: get, head, put, part, create, complete, abort, list or delete. number: of its kind, from 1."""

    kind: str
    number: int
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]


@dataclass(frozen=True)
class PassOn:
    """Nothing happens to it."""


@dataclass(frozen=True)
class Cut:
    """The connection is reset before an answer. applied: the server did what was asked all the same."""

    applied: bool = False


@dataclass(frozen=True)
class CutBody:
    """The connection ends after so many bytes of the answer's body. neatly: closed, not reset."""

    after: int
    neatly: bool = False


@dataclass(frozen=True)
class Truncate:
    """Only so many bytes of the answer's body come, and its head says that this is all."""

    to: int


@dataclass(frozen=True)
class Refuse:
    """The server is not asked; the answer is an error as S3 makes it."""

    status: int
    code: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ErrorIn200:
    """The server is not asked; the answer has the status 200 and an error as its body.

    spaces: come first, as S3 sends them while it is at work.
    """

    code: str = "InternalError"
    spaces: int = 0


@dataclass(frozen=True)
class FlipAnswer:
    """One bit of the answer's body is another: in its middle, or in the last byte before this text."""

    before: bytes = b""


@dataclass(frozen=True)
class FlipRequest:
    """One bit in the middle of the request's body is another."""


@dataclass(frozen=True)
class Stall:
    """Nothing comes until the proxy ends or begins anew."""


Action = PassOn | Cut | CutBody | Truncate | Refuse | ErrorIn200 | FlipAnswer | FlipRequest | Stall
Fault = Callable[[Request], Action]

SLOW_DOWN = Refuse(503, "SlowDown")
INTERNAL_ERROR = Refuse(500, "InternalError")


def first(action: Action, *kinds: str, times: int = 1) -> Fault:
    """The action for the first so many requests of each of these kinds, nothing for all others."""
    return lambda request: action if request.kind in kinds and request.number <= times else PassOn()


class FaultProxy:
    """Listens at url. seen: the requests so far, in order."""

    def __init__(self, upstream_url: str, fault: Fault = lambda _: PassOn()) -> None:
        upstream = urlsplit(upstream_url)
        self.upstream = (upstream.hostname or "", upstream.port or 80)
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self.begin(fault)

    def begin(self, fault: Fault) -> None:
        """Begin anew with this fault: nothing has been seen, and nothing stalls any more."""
        self.ending.set()
        self.ending = threading.Event()
        self.stalling = threading.Event()  # set once a request stalls
        with self._lock:
            self.fault = fault
            self.seen: list[Request] = []
            self._counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        proxy: FaultProxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def count(self, kind: str) -> int:
        """How many requests of this kind there have been."""
        with self._lock:
            return self._counts[kind]

    def note(self, method: str, target: str, headers: dict[str, str]) -> Request:
        url = urlsplit(target)
        query = parse_qs(url.query, keep_blank_values=True)
        kind = _kind(method, query, url.path)
        with self._lock:
            self._counts[kind] += 1
            request = Request(kind, self._counts[kind], method, url.path, query, headers)
            self.seen.append(request)
        return request


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # those of kept connections wait for a next request
    request_queue_size = 128

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        self.close_request(request)  # without a shutdown first, which would make a neat end of a reset


class _Handler(BaseHTTPRequestHandler):
    owner: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._upstream: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client went away
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = self.owner.note(self.command, self.path, dict(self.headers.items()))
        action = self.owner.fault(request)
        if isinstance(action, Stall):
            ending = self.owner.ending
            self.owner.stalling.set()
            ending.wait()
        if isinstance(action, Stall) or action == Cut(applied=False):
            self._reset()
            return
        if isinstance(action, Refuse):
            self._answer(action.status, list(action.headers.items()), _error(action.code))
            return
        if isinstance(action, ErrorIn200):
            self._answer(200, [], b" " * action.spaces + _error(action.code))
            return
        if isinstance(action, FlipRequest):
            body = _flipped(body, len(body) // 2)
        status, headers, content = self._ask(body)
        if isinstance(action, Cut):
            self._reset()
        elif isinstance(action, CutBody):
            self._answer(status, headers, content[: action.after], promised=len(content))
            if not action.neatly:
                self._reset()
            self.close_connection = True
        elif isinstance(action, Truncate):
            self._answer(status, headers, content[: action.to])
        elif isinstance(action, FlipAnswer):
            at = content.index(action.before) - 1 if action.before else len(content) // 2
            self._answer(status, headers, _flipped(content, at))
        else:
            promised = None
            if self.command == "HEAD":
                promised = int(dict(headers).get("content-length", 0))
            self._answer(status, headers, content, promised=promised)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        if self._upstream is None:
            self._upstream = http.client.HTTPConnection(*self.owner.upstream)
        self._upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("expect", "connection"):
                self._upstream.putheader(name, value)
        with contextlib.suppress(OSError):  # the server has answered already, and closed: a refusal
            self._upstream.endheaders(body or None)
        response = self._upstream.getresponse()
        content = response.read()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        return response.status, headers, content

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, promised: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("content-length", str(len(content) if promised is None else promised))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _reset(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _kind(method: str, query: dict[str, list[str]], path: str) -> str:
    if method == "PUT":
        return "part" if "partNumber" in query else "put"
    if method == "POST":
        return "create" if "uploads" in query else "complete"
    if method == "DELETE":
        return "abort" if "uploadId" in query else "delete"
    if method == "GET":
        return "get" if path.strip("/").count("/") else "list"
    return method.lower()


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _error(code: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        "<Message>A fault made by a test.</Message></Error>"
    ).encode()
