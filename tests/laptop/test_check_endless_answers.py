"""Answers that never end, though each read of the checker is in time."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from longshore.check.client import Address, Client

PATIENCE = 1.0
OK = b"HTTP/1.1 200 OK\r\n"

ENDLESS = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a head": (OK + b"X-Long: ", b"x"),
    "a body": (OK + b"Content-Length: 1000000\r\n\r\n", b"x"),
    "a chunk's length": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x"),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
}


@contextmanager
def serve(first: bytes, again: bytes) -> Iterator[Client]:
    """Yield a client of a server that sends the first bytes, and then the others until it is disconnected."""

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(first)
            for _ in itertools.count() if again else ():
                connection.sendall(again)
                time.sleep(0.05)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        yield Client(Address("127.0.0.1", port), PATIENCE, stream_seconds=PATIENCE)
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_without_an_end_is_late(what: str) -> None:
    with serve(*ENDLESS[what]) as client:
        answer = client.get("/ping")
        assert answer.status is None
        assert answer.late


def test_bytes_without_an_end_are_read_until_the_time_is_over() -> None:
    with serve(OK, b"X: y\r\n") as client:
        assert client.raw(b"GET / HTTP/1.1\r\n\r\n").startswith(OK)


@pytest.mark.parametrize("again", [b"", b"X: y\r\n"], ids=["the connection ends", "the time ends"])
def test_an_interim_answer_that_is_never_whole_is_what_came_of_it(again: bytes) -> None:
    with serve(OK, again) as client, client.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.interim(PATIENCE).startswith(OK)
