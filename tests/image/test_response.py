"""How a worker writes an answer to nginx: all of a small one at once, so that a kill cannot halve it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.parser import RequestParser

from longshore_runtime.serving.workers import worker_class


@pytest.fixture(params=["gthread", "gevent"])
def sends(request: pytest.FixtureRequest) -> Iterator[tuple[wsgi.Response, socket.socket]]:
    """The response to a request under this worker class, and where each of its sends is one message."""
    worker_class(request.param)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        asked = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
        (parsed,) = [next(RequestParser(Config(), iter(asked), ("127.0.0.1", 1)))]
        response, _ = wsgi.create(parsed, ours, ("127.0.0.1", 1), "", Config())
        yield response, theirs


def test_a_small_answer_is_one_send(sends: tuple[wsgi.Response, socket.socket]) -> None:
    response, received = sends
    response.start_response("200 OK", [("Content-Length", "4")])
    response.write(b"body")
    head, _, body = received.recv(65536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and body == b"body"


def test_without_a_length_the_first_chunk_comes_with_the_head(
    sends: tuple[wsgi.Response, socket.socket],
) -> None:
    response, received = sends
    response.start_response("200 OK", [])
    for piece in (b"one", b"two"):
        response.write(piece)
    response.close()
    assert received.recv(65536).endswith(b"\r\n\r\n3\r\none\r\n")
    assert received.recv(65536) == b"3\r\ntwo\r\n"
    assert received.recv(65536) == b"0\r\n\r\n"


def test_a_large_answer_is_not_copied_to_its_head(sends: tuple[wsgi.Response, socket.socket]) -> None:
    response, received = sends
    response.start_response("200 OK", [("Content-Length", "100000")])
    response.write(b"x" * 100_000)
    assert received.recv(200_000).endswith(b"\r\n\r\n")
    assert received.recv(200_000) == b"x" * 100_000
