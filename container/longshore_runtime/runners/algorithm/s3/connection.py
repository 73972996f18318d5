"""HTTP/1.1 over kept sockets, as much of it as S3 needs: one exchange after the other, from any thread.

http.client reads header lines with the email package, and urllib3 adds to that: for an object of 50 KB
either costs more than all the rest. httptools (llhttp in C) parses here. What is asked of an answer:
that it has a length or chunks, and that it came whole; what was cut is an error, never a short body.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httptools

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.pace import LEAST, Pace
from longshore_runtime.runners.algorithm.s3.sockets import Line, Place, Unreachable, connect

_LOOK_S = 0.5  # how often a wait looks whether it is to stop
_LOOKS = 60  # how many such waits in sequence are a silence to give up at: 30 s
_BUFFER = 256 * 1024
_LONGEST_WORK_S = 600.0  # the answer to a POST, which S3 works on
_LONGEST_HEAD = 256 * 1024
_LONGEST_BODY = 16 * 1024 * 1024  # of an answer that goes to no sink: lists, errors
_IDLE_S = 20.0  # S3 closes idle connections itself at about this age
_IDLE_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class FileRange:
    """A request's body: length bytes of an open file from offset on, never whole in memory."""

    descriptor: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. status; headers by lower-case name; body, b"" where it went to a sink."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Broken(Exception):
    """No whole answer came. The text says why, without addresses.

    lasting: the next try will meet the same; stale: the server closed before it answered anything, as
    it does with a connection that it no longer wanted to keep.
    """

    def __init__(self, why: str, *, lasting: bool = False, stale: bool = False) -> None:
        super().__init__(why)
        self.lasting = lasting
        self.stale = stale


class FileCut(Exception):
    """A FileRange could not be read whole. The text says why."""


def stopped() -> TaskError:
    return TaskError(Reason.STOPPED, "The server was stopped before the task had ended.")


class Pool:
    """Connections to any number of places, kept when they may be used again."""

    def __init__(self, trust: Callable[[], ssl.SSLContext]) -> None:
        """trust: makes the TLS context; called once, at the first place that speaks TLS."""
        self._trust = trust
        self._context: ssl.SSLContext | None = None
        self._making_context = threading.Lock()
        self._idle: dict[Place, list[tuple[float, _Connection]]] = {}

    def exchange(
        self,
        place: Place,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | FileRange,
        sink: Callable[[memoryview], None] | None,
        stop: threading.Event | None,
    ) -> Response:
        """Ask once. A 2xx answer's body goes to sink, where there is one, piece by piece.

        Raises Broken, FileCut, TaskError(STOPPED) and whatever sink raises; the connection is closed then.
        """
        length = len(body) if isinstance(body, bytes) else body.length
        lines = [f"{name}: {value}" for name, value in headers.items()]
        if length or method in ("PUT", "POST"):
            lines.append(f"content-length: {length}")
        if not set("\r\n\0").isdisjoint("".join(lines)):
            raise ValueError("a header has a line break")

        def ask(connection: _Connection) -> Response:
            line = connection.line
            url = f"http://{headers['host']}{target}" if line.absolute else target
            head = "\r\n".join((f"{method} {url} HTTP/1.1", *lines, *line.proxy_headers, "", ""))
            try:
                answer = connection.exchange(head.encode("latin-1"), body, method, sink, stop)
            except BaseException:
                connection.close()
                raise
            self._keep(place, connection)
            return answer

        # A POST may not be sent twice, so it never goes where it could meet a server that is closing.
        kept = self._kept(place) if method != "POST" else None
        if kept is not None:
            try:
                return ask(kept)
            except Broken as broken:
                if not broken.stale:
                    raise
        return ask(self._connect(place))

    def close(self) -> None:
        for place in list(self._idle):
            while (connection := self._kept(place)) is not None:
                connection.close()

    def _kept(self, place: Place) -> _Connection | None:
        idle = self._idle.setdefault(place, [])
        with contextlib.suppress(IndexError):
            while True:
                since, connection = idle.pop()  # the one used last: the likeliest to be open still
                if time.monotonic() - since < _IDLE_S:
                    return connection
                connection.close()
        return None

    def _keep(self, place: Place, connection: _Connection) -> None:
        idle = self._idle.setdefault(place, [])
        if connection.reusable and len(idle) < _IDLE_CONNECTIONS:
            idle.append((time.monotonic(), connection))
        else:
            connection.close()

    def _connect(self, place: Place) -> _Connection:
        context = None
        if place.tls:
            with self._making_context:
                context = self._context = self._context or self._trust()
        try:
            return _Connection(connect(place, context))
        except Unreachable as error:
            raise Broken(str(error), lasting=error.lasting) from error


class _Connection:
    """One socket, in use by one thread at a time. reusable: whether a further exchange may follow."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.reusable = False
        self._socket = line.socket
        self._socket.settimeout(_LOOK_S)
        self._buffer = memoryview(bytearray(_BUFFER))

    def close(self) -> None:
        self._socket.close()

    def exchange(
        self,
        head: bytes,
        body: bytes | FileRange,
        method: str,
        sink: Callable[[memoryview], None] | None,
        stop: threading.Event | None,
    ) -> Response:
        whole = True
        try:
            self._send(head, body, stop)
        except OSError:
            whole = False  # the server may have answered already, and closed: a refusal is worth reading
        message = _Message(bodiless=method == "HEAD")
        parser = httptools.HttpResponseParser(message)
        received = kept = 0
        collected: list[bytes] = []
        # While S3 puts many parts together it sends a space now and then, for minutes.
        pace, patience = Pace(), time.monotonic() + _LONGEST_WORK_S
        while not message.done:
            try:
                count = self._patiently(lambda: self._socket.recv_into(self._buffer), stop)
            except OSError as error:
                why = f"The connection to S3 broke: {error.strerror or 'no reason given'}."
                raise Broken(why, stale=received == 0) from error
            if count == 0:
                raise Broken("S3 closed the connection before its answer was whole.", stale=received == 0)
            received += count
            if time.monotonic() > patience if method == "POST" else pace.is_too_slow(count):
                raise _too_slow()
            try:
                parser.feed_data(self._buffer[:count])
            except httptools.HttpParserError as error:
                raise Broken("What S3 answered is not HTTP.") from error
            if message.done and parser.get_status_code() < 200:
                message.done = False
            if not message.headed and received > _LONGEST_HEAD:
                raise Broken("The headers of S3's answer never end.")
            if message.pieces:
                pieces, message.pieces = message.pieces, []
                if sink is not None and 200 <= parser.get_status_code() < 300:
                    for piece in pieces:
                        sink(memoryview(piece))
                else:
                    collected += pieces
                    kept += sum(map(len, pieces))
                    if kept > _LONGEST_BODY:
                        raise Broken("S3's answer is too long.", lasting=True)
        # Not should_keep_alive(): that is of the next message once this one is complete.
        closing = "close" in message.headers.get("connection", "").lower()
        self.reusable = whole and not closing and parser.get_http_version() == "1.1"
        return Response(parser.get_status_code(), message.headers, b"".join(collected))

    def _send(self, head: bytes, body: bytes | FileRange, stop: threading.Event | None) -> None:
        pace = Pace()
        if isinstance(body, bytes):
            self._send_all(memoryview(head + body), pace, stop)
            return
        offset, end = body.offset, body.offset + body.length
        self._buffer[: len(head)] = head  # head and body in one packet, where they fit
        filled = len(head)
        while filled or offset < end:
            room = self._buffer[filled : filled + min(end - offset, len(self._buffer) - filled)]
            count = _read(body.descriptor, room, offset) if room else 0
            offset += count
            self._send_all(self._buffer[: filled + count], pace, stop)
            filled = 0

    def _send_all(self, data: memoryview, pace: Pace, stop: threading.Event | None) -> None:
        while data:
            rest = data
            count = self._patiently(lambda: self._socket.send(rest), stop)  # noqa: B023 (called at once)
            if pace.is_too_slow(count):
                raise _too_slow()
            data = rest[count:]

    def _patiently(self, step: Callable[[], int], stop: threading.Event | None) -> int:
        for _ in range(_LOOKS):
            if stop is not None and stop.is_set():
                raise stopped()
            try:
                return step()
            except TimeoutError:
                continue
        raise Broken(f"S3 was silent for {_LOOK_S * _LOOKS:.0f} seconds.")


def _too_slow() -> Broken:
    return Broken(f"S3 was too slow: less than {LEAST:,} bytes a second.")


def _read(descriptor: int, room: memoryview, offset: int) -> int:
    try:
        count = os.preadv(descriptor, [room], offset)
    except OSError as error:
        raise FileCut(f"it cannot be read: {error.strerror}") from error
    if not count:
        raise FileCut("it became shorter while it was read")
    return count


class _Message:
    """What httptools reports of an answer. An interim one (1xx) is forgotten when the next begins."""

    def __init__(self, *, bodiless: bool) -> None:
        self._bodiless = bodiless
        self.on_message_begin()

    def on_message_begin(self) -> None:
        self.headers: dict[str, str] = {}
        self.pieces: list[bytes] = []
        self.headed = self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.headed:  # a trailer: it must not change what the head has shown
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        self.headed = True
        self.done = self._bodiless

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.done = True
