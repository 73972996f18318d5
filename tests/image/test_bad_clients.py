"""Clients that are slow, broken or many: they get a 4xx or a closed connection, the others are served."""

from __future__ import annotations

import os
import re
import resource
import select
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.image.test_one_copy import memory
from tests.support.gated import Gated
from tests.support.raw_http import BODY, CHUNKED, END, HEAD, LAST, connect, statuses, until_closed, whole
from tests.support.server import SERVE, Server, wait_until

SLOW = HEAD + b'Content-Length: 14\r\n\r\n{"sleep":0.05}'  # for tests/models/slow.py


def nginx_memory(server: Server) -> float:
    """MB; 0 where only root could tell."""
    return memory(server, "nginx") if os.geteuid() == 0 else 0.0


def allowed_files(limit: str) -> tuple[str, ...]:
    """The command for a server that may open so many files: the options of `ulimit`."""
    return ("sh", "-c", f'ulimit {limit} && exec "$0"', str(SERVE))


def answers_at_once(server: Server, count: int, stack: ExitStack) -> list[tuple[int, ...]]:
    """The statuses that come on each of so many connections with a slow request."""
    connections = [stack.enter_context(connect(server)) for _ in range(count)]
    for connection in connections:
        connection.sendall(SLOW)
    return [tuple(statuses(connection.recv(65536))) for connection in connections]


def test_pipelined_requests_are_answered_in_their_order(one: Gated) -> None:
    names = [f"number-{n}" for n in range(50)]
    answers = until_closed(one.server, b"".join(map(whole, names)) + LAST)
    assert statuses(answers) == [200] * 51
    assert re.findall(rb'"(number-\d+)"', answers) == [name.encode() for name in names]
    assert one.decoded() == [*names, "last"]


@pytest.mark.parametrize("half", [True, False], ids=["half closed", "closed"])
def test_a_body_that_does_not_come_whole_is_no_request(one: Gated, half: bool) -> None:
    for head in (HEAD + b"Content-Length: 1000\r\n\r\n", CHUNKED + b"400\r\n"):
        with connect(one.server) as connection:
            connection.sendall(head + BODY)
            if half:
                connection.shutdown(socket.SHUT_WR)
                assert all(400 <= status < 500 for status in statuses(connection.recv(65536)))
    assert one.post("next", quick=True).status_code == 200
    assert one.decoded() == ["next"]


def test_a_client_that_says_it_sends_no_more_is_taken_as_gone(one: Gated) -> None:
    """On the wire it looks as one that has closed; for those nothing shall be computed."""
    stuck = one.stuck()
    with connect(one.server) as connection:
        connection.sendall(whole("half"))
        wait_until(lambda: "half" in one.decoded(), "the request")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(65536) == b""
    one.open()
    assert stuck.result().status_code == 200
    assert ["half"] not in one.calls()


def test_a_body_is_asked_for_where_the_client_waits_for_that(one: Gated) -> None:
    head, _, body = whole("outer", b"Expect: 100-continue\r\nConnection: close\r\n").partition(b"\r\n\r\n")
    with connect(one.server) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert statuses(connection.recv(65536)) == [200]
    with connect(one.server) as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n")
        assert statuses(connection.recv(65536)) == [413], "one too large is not asked for"
    assert one.decoded() == ["outer"]


@pytest.mark.parametrize(
    "empty", [b"Content-Length: 0\r\n\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n\r\n" + END]
)
def test_a_body_of_no_bytes_is_204_however_it_is_sent(one: Gated, empty: bytes) -> None:
    assert statuses(until_closed(one.server, HEAD + empty + LAST)) == [204, 200]
    assert one.decoded() == ["last"]


def test_slow_clients_hold_up_nobody(one: Gated) -> None:
    """A hundred send a head, a hundred a body, byte by byte: as many as 1,024 open files allow."""
    with ExitStack() as stack:
        heads = [stack.enter_context(connect(one.server)) for _ in range(100)]
        bodies = [stack.enter_context(connect(one.server)) for _ in range(100)]
        before = nginx_memory(one.server)
        for connection in bodies:
            connection.sendall(HEAD + b"Content-Length: 10000000\r\n\r\n")
        for sent in range(30):
            for connection in heads:
                connection.sendall(HEAD[sent : sent + 1])
            for connection in bodies:
                connection.sendall(b"x")
            assert one.post(f"{sent}", quick=True).status_code == 200
        answered, _, _ = select.select(heads + bodies, [], [], 0)
        assert answered == []
        assert nginx_memory(one.server) - before < 40
    assert one.decoded() == [f"{sent}" for sent in range(30)]


def idle(server: Server, count: int, stack: ExitStack) -> None:
    """So many connections: most silent from the beginning, some after a request."""
    for number in range(count):
        connection = stack.enter_context(connect(server))
        if number % 10 == 0:
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert statuses(connection.recv(65536)) == [200]


def test_ten_thousand_idle_connections_hold_up_nobody(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 10_300:
        pytest.skip(f"this process may open {hard} files, and needs 10,300")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 10_300), hard))
    try:
        with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server, ExitStack() as stack:
            before = nginx_memory(server)
            idle(server, 10_000, stack)
            for _ in range(20):
                assert server.ping() == 200
                assert server.post(b"1,2\n", "text/csv").text == "3.0\n"
            assert nginx_memory(server) - before < 40
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("limit", ["-S -n 256", "-n 256"], ids=["soft", "hard"])
def test_more_connections_than_files_may_be_open_hold_up_nobody(tmp_path: Path, limit: str) -> None:
    command = allowed_files(limit)
    with (
        Server(tmp_path, "rowsum", command=command, MODEL_SERVER_WORKERS=1) as server,
        ExitStack() as stack,
    ):
        idle(server, 500, stack)
        for _ in range(20):
            assert server.post(b"1,2\n", "text/csv").text == "3.0\n"


def test_more_requests_than_a_worker_may_open_files_wait_and_that_is_one_line(tmp_path: Path) -> None:
    command = allowed_files("-S -n 64")
    with (
        Server(tmp_path, "slow", command=command, MODEL_SERVER_WORKERS=1) as server,
        ExitStack() as stack,
    ):
        assert set(answers_at_once(server, 100, stack)) == {(200,)}
        assert server.stderr.count("can be accepted (Too many open files; 64 files may be open)") == 1
        assert [line["level"] for line in server.log()].count("ERROR") == 0


def test_more_requests_than_nginx_may_open_files_are_refused(tmp_path: Path) -> None:
    """It has 96 connections here: 50 clients, and as many to the worker, would be more."""
    command = allowed_files("-n 256")
    with (
        Server(tmp_path, "slow", command=command, MODEL_SERVER_WORKERS=1) as server,
        ExitStack() as stack,
    ):
        assert set(answers_at_once(server, 50, stack)) == {(200,), (503,)}


def test_a_body_that_is_still_being_sent_counts_among_the_requests_that_are_let_in(tmp_path: Path) -> None:
    """So enough of them keep others out, with a 503; no health check fails, and each that ends makes room."""
    head, _, body = SLOW.partition(b"\r\n\r\n")
    head += b"\r\nExpect: 100-continue\r\n\r\n"
    command = allowed_files("-n 256")
    with (
        Server(tmp_path, "slow", command=command, MODEL_SERVER_WORKERS=1) as server,
        ExitStack() as stack,
    ):
        slow: list[socket.socket] = []
        while len(slow) < 96:
            connection = stack.enter_context(connect(server))
            connection.sendall(head)
            if statuses(connection.recv(65536)) != [100]:
                break
            slow.append(connection)
        assert 10 < len(slow) < 48, "each may need a connection to the worker, too"
        assert server.ping() == 200
        answer = server.post(body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        slow[0].sendall(body)
        assert statuses(slow[0].recv(65536)) == [200]
        wait_until(lambda: server.post(body).status_code == 200, "room for another")
