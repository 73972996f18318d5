"""What a worker reads from nginx and writes to it, asked on its own socket: exchange.py beside gunicorn."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.server import Server, wait_until

# A request that has this header goes gunicorn's way, and is no other because of it.
GUNICORNS_WAY = b"Connection: keep-alive\r\n"
BODY = b'{"a": [1, 2]}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("exchange")
    with Server(folder, "tells_headers", MODEL_SERVER_WORKERS=1, LOG_LEVEL="ERROR") as running:
        yield running


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """To the one worker, as nginx is."""
    (path,) = server.temporary.glob("longshore-*/workers/0.sock")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        yield connection


def request(headers: bytes = b"", body: bytes = BODY, line: bytes = b"POST /invocations HTTP/1.1") -> bytes:
    length = b"" if b"ontent-" in headers else b"Content-Length: %d\r\n" % len(body)
    return line + b"\r\nHost: x\r\nContent-Type: application/json\r\n" + length + headers + b"\r\n" + body


def answer(connection: socket.socket) -> tuple[int, Any, bool]:
    """Status, the JSON of the body, and whether the connection is to be closed."""
    with HTTPResponse(connection) as response:
        response.begin()
        body = response.read()
        return response.status, json.loads(body) if body else None, response.will_close


def asked(server: Server, sent: bytes) -> tuple[int, Any, bool]:
    with connected(server) as connection:
        connection.sendall(sent)
        return answer(connection)


def without_id(told: tuple[int, Any, bool]) -> tuple[int, Any, bool]:
    status, problem, closes = told
    if isinstance(problem, dict):
        problem.pop("request_id", None)
    return status, problem, closes


HEADERS: dict[str, bytes] = {
    "none": b"",
    "names of any case": b"x-LOWER-case: a\r\nACCEPT: application/json\r\n",
    "twice the same": b"X-A: 1\r\nX-B: between\r\nX-A: 2\r\n",
    "an underscore in a name": b"X_A: 1\r\nX-A: 2\r\n",
    "spaces around a value": b"X-A:  \t a b \t\r\n",
    "an empty value": b"X-A:\r\n",
    "bytes beyond ASCII": b"X-A: \xe9\xff\r\n",
    "a control character": b"X-A: a\x01b\r\n",
    "NUL": b"X-A: a\0b\r\n",
    "a line folded": b"X-A: a\r\n b\r\n",
    "a line that is no header": b"no colon\r\n",
    "a space before the colon": b"X-A : 1\r\n",
    "no length": b"content-x: y\r\n",
    "an empty length": b"Content-Length: \r\n",
    "a length that is no number": b"Content-Length: +13\r\n",
    "a length twice": b"Content-Length: 13\r\nContent-Length: 13\r\n",
    "two lengths": b"Content-Length: 13\r\nContent-Length: 3\r\n",
    "a length and chunks": b"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n",
    "an id": b"X-Amzn-SageMaker-Inference-Id: one\r\n",
    "many headers": b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(80)),
    "too many headers": b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(120)),
}


@pytest.mark.parametrize("what", HEADERS)
def test_both_ways_read_the_same_headers(server: Server, what: str) -> None:
    ours = asked(server, request(HEADERS[what]))
    gunicorns = asked(server, request(GUNICORNS_WAY + HEADERS[what]))
    assert without_id(ours) == without_id(gunicorns)


values = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True).filter(
    lambda name: (
        name.lower() not in {"connection", "upgrade", "expect", "transfer-encoding", "host"}
        and not name.lower().startswith(("content-", "x-amzn"))
    )
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck), database=None)
@given(sent=st.lists(st.tuples(names, values), max_size=6))
def test_both_ways_read_any_headers_the_same(server: Server, sent: list[tuple[str, str]]) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in sent).encode("latin-1")
    assert without_id(asked(server, request(headers))) == without_id(
        asked(server, request(GUNICORNS_WAY + headers))
    )


def test_a_request_may_come_in_pieces(server: Server) -> None:
    whole = request()
    with connected(server) as connection:
        for cut in (5, len(whole) - len(BODY) - 1, len(whole) - len(BODY), len(whole) - 3):
            connection.sendall(whole[:cut])
            # What the worker has read of it cannot be seen from here; that it has begun to can.
            wait_until(lambda: not unread(connection), "the worker to read")
            connection.sendall(whole[cut:])
            assert answer(connection)[1]["data"] == {"a": [1, 2]}


def unread(connection: socket.socket) -> bool:
    """Whether the other end has bytes that it has not read."""
    waiting = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return bool(struct.unpack("i", waiting)[0])


def test_requests_that_come_together_are_answered_in_turn(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(request(body=b"[1]") + request(GUNICORNS_WAY, body=b"[2]") + request(body=b"[3]"))
        with connection.makefile("rb") as stream:
            assert [content(stream)["data"] for _ in range(3)] == [[1], [2], [3]]


def content(stream: Any) -> Any:
    """The JSON of the next answer of several."""
    length = 0
    assert stream.readline().startswith(b"HTTP/1.1 200 ")
    while (line := stream.readline().lower()) != b"\r\n":
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return json.loads(stream.read(length))


@pytest.mark.parametrize("size", [60_000, 70_000, 300_000])
def test_bodies_of_any_size_come_whole(server: Server, size: int) -> None:
    body = json.dumps("x" * size).encode()
    assert asked(server, request(body=body))[1]["data"] == "x" * size


def test_an_empty_body_is_answered_with_nothing(server: Server) -> None:
    assert asked(server, request(body=b""))[:2] == (204, None)


def test_who_hangs_up_in_the_middle_costs_nobody_else_anything(server: Server) -> None:
    for sent in (b"", request()[:20], request()[:-3], request()):
        with connected(server) as connection:
            connection.sendall(sent)
    assert asked(server, request())[0] == 200
    assert server.log() == []


def test_at_its_end_the_worker_says_on_each_connection_that_it_closes(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(request())
        assert answer(connection)[2] is False
        (worker,) = server.workers()
        os.kill(worker, signal.SIGWINCH)  # as a reload does: the next answer is the last

        def closes() -> bool:
            connection.sendall(request())
            return answer(connection)[2]

        wait_until(closes, "the worker to close the connection")
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: server.workers() not in ([], [worker]), "another worker")
    server.wait_ready()
