"""A server on loopback that answers what a test tells it to, right or wrong, and notes what it was asked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Self


@dataclass(frozen=True)
class Asked:
    """A request as it came. headers: by lower-case name; connection: the number of its connection, from 1."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True)
class Reply:
    """Bytes to send as they are, later ones a moment after; then the connection may be closed.

    drip: the later ones come one by one, each a moment after the one before.
    """

    data: bytes
    later: bytes = b""
    close: bool = False
    drip: bool = False


def answer(status: int, body: bytes = b"", **headers: str) -> Reply:
    """A whole and right answer; the underscores in names stand for hyphens."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *lines, "", ""])
    return Reply(head.encode() + body)


def refusal(status: int, code: str, **headers: str) -> Reply:
    """An error as S3 writes it."""
    return answer(
        status, f"<Error><Code>{code}</Code><Message>Just so.</Message></Error>".encode(), **headers
    )


class Scripted:
    """As a context manager: it answers with what script returns, None closes the connection without a word.

    read_bodies: False answers as soon as the head has come. tls: the context to speak TLS with.
    binary: the client does not speak HTTP; its bytes are not read, and each connection gets an answer.
    """

    def __init__(
        self,
        script: Callable[[Asked], Reply | None],
        *,
        read_bodies: bool = True,
        tls: ssl.SSLContext | None = None,
        binary: bool = False,
    ) -> None:
        self.asked: list[Asked] = []
        self._script = script
        self._read_bodies = read_bodies
        self._tls = tls
        self._binary = binary
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits on it
            one.close()
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            self._open.append(connection)
            self._start(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):  # the client went, or the test is over
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection, connection.makefile("rb") as stream:
                while (request := self._request(stream, number)) is not None:
                    self.asked.append(request)
                    reply = self._script(request)
                    if reply is None:
                        return
                    connection.sendall(reply.data)
                    step = 1 if reply.drip else len(reply.later) or 1
                    for start in range(0, len(reply.later), step):
                        time.sleep(0.05)
                        connection.sendall(reply.later[start : start + step])
                    if reply.close:
                        return

    def _request(self, stream: BinaryIO, number: int) -> Asked | None:
        if self._binary:
            return Asked("", "", {}, b"", number)
        lines = []
        while line := stream.readline().decode("latin-1").rstrip("\r\n"):
            lines.append(line)
        if not lines:
            return None
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", "0")) if self._read_bodies else 0
        return Asked(method, target, headers, stream.read(length), number)
