"""Batch transform's HTTP: answers of every form, and those that are none."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from longshore.emulator.jobs.transform.wire import Connection, Gone, Malformed

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def server(*answers: bytes, closes: bool = True) -> Iterator[tuple[Connection, list[bytes]]]:
    """A connection to a server that reads, gives the next answer, and at last hangs up or falls silent."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                for answer in answers:
                    asked = b""
                    while not asked.endswith((b"\r\n\r\nx", b"0\r\n\r\n")):
                        asked += client.recv(1 << 16)
                    seen.append(asked)
                    client.sendall(answer)
                while not closes and client.recv(1 << 16):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(listening.getsockname(), "/invocations", time.monotonic() + 30)
        try:
            yield connection, seen
        finally:
            connection.close()
            thread.join()


def ask(connection: Connection, body: bytes | list[bytes] = b"x", seconds: float = 30) -> tuple[int, bytes]:
    answer = connection.post({"Accept": "text/csv"}, body, time.monotonic() + seconds)
    return answer.status, b"".join(connection.blocks(answer))


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nh\r\n1\r\ni\r\n0\r\nT: 1\r\n\r\n",
            200,
            b"hi",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", 503, b"busy"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", 200, b"hi"),
    ],
)
def test_answers_of_every_form_are_read(answer: bytes, status: int, body: bytes) -> None:
    with server(answer) as (connection, _):
        assert ask(connection) == (status, body)


def test_a_connection_is_kept_and_its_end_is_told() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    with server(ok + b"1", ok + b"2") as (connection, seen):
        assert ask(connection) == (200, b"1")
        assert ask(connection, [b"ab", b"", b"c"]) == (200, b"2")
        with pytest.raises(Gone):
            ask(connection)
    assert seen[0].startswith(b"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:")
    assert seen[0].endswith(b"\r\nAccept: text/csv\r\nContent-Length: 1\r\n\r\nx")
    assert seen[1].endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        CHUNKED + b"5\r\nshort",
        CHUNKED + b"nonsense\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_no_whole_answer_is_told(answer: bytes) -> None:
    with server(answer) as (connection, _), pytest.raises(Malformed):
        ask(connection)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nslow"])
def test_an_answer_that_does_not_end_in_time_is_given_up(answer: bytes) -> None:
    with server(answer, closes=False) as (connection, _), pytest.raises(TimeoutError):
        ask(connection, seconds=0.2)
