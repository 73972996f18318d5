"""Requests to a container on kept connections: answers of every form, and one time limit for the whole."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import urllib3

from longshore.emulator.hosting.kept import Pool
from longshore.limits import ACCEPT_SECONDS
from tests.support.server import PATIENCE

LARGE = b"x" * (25 << 20)  # more than a socket's buffers hold


@contextmanager
def container(serve: Callable[[socket.socket], None]) -> Iterator[Pool]:
    """A server that takes one connection; whatever becomes of that ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            connection, _ = listening.accept()
            with connection, suppress(ConnectionError):
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        host, port = listening.getsockname()
        pool = Pool(host, port, maxsize=1, retries=False)
        try:
            yield pool
        finally:
            pool.close()
            thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Its body."""
    head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    while len(body) < length:
        body += connection.recv(1 << 20)
    return body


def post(pool: Pool, body: bytes, seconds: float = PATIENCE) -> tuple[int, bytes]:
    answer = pool.post("/invocations", {}, body, time.monotonic() + seconds)
    return answer.status, answer.data


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", 200, b"hi"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 1\r\n\r\nx", 302, b"x"),
    ],
)
def test_the_connection_is_kept_after_answers_of_every_form(answer: bytes, status: int, body: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        for _ in range(2):
            read_request(connection)
            connection.sendall(answer)

    with container(serve) as pool:
        assert post(pool, b"one") == post(pool, b"two") == (status, body)


def test_a_container_that_is_busy_may_take_its_time_to_read() -> None:
    """A11's 250 ms are for the connection; a worker may compute for longer before it reads."""

    def serve(connection: socket.socket) -> None:
        for _ in range(2):
            time.sleep(3 * ACCEPT_SECONDS)
            size = len(read_request(connection))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%8d" % size)

    with container(serve) as pool:
        assert post(pool, LARGE) == post(pool, LARGE) == (200, b"%8d" % len(LARGE))


def test_what_does_not_read_is_given_up() -> None:
    done = threading.Event()

    def serve(_: socket.socket) -> None:
        done.wait(PATIENCE)

    with container(serve) as pool:
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            post(pool, LARGE, 0.5)
        done.set()


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_an_answer_that_trickles_is_given_up(begun: bytes) -> None:
    """Each byte comes in time, and all of them do not."""

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(begun)
        gone = False
        while begun and not gone:
            connection.settimeout(0.1)
            with suppress(TimeoutError):
                gone = connection.recv(1) == b""
            connection.sendall(b".")
        connection.settimeout(None)
        connection.recv(1)

    with container(serve) as pool, pytest.raises(urllib3.exceptions.ReadTimeoutError):
        post(pool, b"x", 0.5)


def test_an_answer_that_is_cut_is_no_answer() -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")

    with container(serve) as pool, pytest.raises(urllib3.exceptions.ProtocolError):
        post(pool, b"x")
