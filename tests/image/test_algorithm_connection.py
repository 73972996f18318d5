"""The HTTP below the S3 client, against servers that do what they may, and what they may not."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.connection import Broken, FileRange, Pool, Response
from longshore_runtime.runners.algorithm.s3.sockets import Place
from tests.support.scripted import Asked, Reply, Scripted, answer, refusal


class Client:
    def __init__(self, server: Scripted) -> None:
        self.pool = Pool(ssl.create_default_context)
        self.place = Place(False, "127.0.0.1", server.port)

    def ask(
        self,
        method: str = "GET",
        *,
        headers: dict[str, str] | None = None,
        body: bytes | FileRange = b"",
        sink: Callable[[memoryview], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Response:
        sent = {"host": "bucket.example.org", **(headers or {})}
        return self.pool.exchange(self.place, method, "/key", sent, body, sink, stop)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def broken(data: bytes) -> Broken:
    """The error that a server brings about that sends this and closes."""
    with Scripted(lambda asked: Reply(data, close=True)) as server, pytest.raises(Broken) as raised:
        Client(server).ask()
    return raised.value


def test_one_connection_serves_one_request_after_the_other() -> None:
    with Scripted(lambda asked: answer(200, b"body")) as server:
        client = Client(server)
        assert [client.ask().body for _ in range(3)] == [b"body"] * 3
        assert client.ask("PUT", body=b"up").body == b"body"
        assert [asked.connection for asked in server.asked] == [1] * 4
        assert server.asked[-1].body == b"up"


def test_a_refusal_keeps_the_connection_too() -> None:
    with Scripted(lambda asked: refusal(404, "NoSuchKey")) as server:
        client = Client(server)
        assert client.ask().status == client.ask().status == 404
        assert [asked.connection for asked in server.asked] == [1, 1]


def test_the_answer_to_a_head_has_a_length_and_no_body() -> None:
    head = Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
    with Scripted(lambda asked: head if asked.method == "HEAD" else answer(200, b"body")) as server:
        client = Client(server)
        assert client.ask("HEAD").headers["content-length"] == "12345"
        assert client.ask().body == b"body"
        assert [asked.connection for asked in server.asked] == [1, 1]


def test_a_server_that_says_close_gets_a_new_connection() -> None:
    with Scripted(lambda asked: answer(200, b"body", Connection="close")) as server:
        client = Client(server)
        assert client.ask().body == client.ask().body == b"body"
        assert [asked.connection for asked in server.asked] == [1, 2]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_kept_connection_that_was_closed_meanwhile_is_renewed_in_silence(method: str) -> None:
    def script(asked: Asked) -> Reply | None:
        asked_here = [one for one in server.asked if one.connection == asked.connection]
        return answer(200, b"body") if len(asked_here) == 1 else None

    with Scripted(script) as server:
        client = Client(server)
        assert [client.ask(method).status for _ in range(3)] == [200] * 3
        assert [asked.connection for asked in server.asked] == [1, 1, 2, 2, 3]


def test_a_new_connection_that_is_closed_at_once_is_an_error() -> None:
    with Scripted(lambda asked: None) as server:
        with pytest.raises(Broken) as raised:
            Client(server).ask()
        assert not raised.value.lasting and len(server.asked) == 1


def test_a_post_which_may_not_be_repeated_has_a_connection_of_its_own() -> None:
    with Scripted(lambda asked: answer(200, b"body")) as server:
        client = Client(server)
        client.ask()
        client.ask("POST")
        assert [asked.connection for asked in server.asked] == [1, 2]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123456789",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123456789\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n123456789",
        b"HTTP/1.1 200 OK\r\n\r\n123456789",  # nothing tells where it ends
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"",
    ],
)
def test_a_cut_answer_is_an_error_and_never_a_short_body(data: bytes) -> None:
    assert not broken(data).lasting


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000,
    ],
)
def test_what_is_not_http_is_an_error(data: bytes) -> None:
    broken(data)


def test_a_chunked_answer_is_put_together() -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    data += b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nETag: of a trailer\r\n\r\n"
    with Scripted(lambda asked: Reply(data)) as server:
        client = Client(server)
        assert client.ask().body == client.ask().body == b"abcde"
        assert "etag" not in client.ask().headers


@pytest.mark.parametrize("apart", [True, False])
def test_an_interim_answer_is_passed_over(apart: bool) -> None:
    interim, final = b"HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n", answer(200, b"body").data
    reply = Reply(interim, final) if apart else Reply(interim + final)
    with Scripted(lambda asked: reply) as server:
        response = Client(server).ask()
    assert response.body == b"body" and "x-interim" not in response.headers


def test_a_body_goes_to_the_sink_only_where_it_is_the_object() -> None:
    pieces: list[bytes] = []
    with Scripted(lambda asked: refusal(503, "SlowDown")) as server:
        response = Client(server).ask(sink=lambda data: pieces.append(bytes(data)))
    assert pieces == [] and b"<Code>SlowDown</Code>" in response.body


def test_a_refusal_that_comes_before_the_body_was_taken_is_read() -> None:
    early = Reply(refusal(403, "AccessDenied").data, close=True)
    with Scripted(lambda asked: early, read_bodies=False) as server:
        client = Client(server)
        assert client.ask("PUT", body=b"x" * 8_000_000).status == 403
        assert client.ask("PUT", body=b"x").status == 403
        assert [asked.connection for asked in server.asked] == [1, 2]  # the rest of the body is not a request


def test_a_silent_server_does_not_keep_us_from_stopping() -> None:
    stop, release = threading.Event(), threading.Event()

    def script(asked: Asked) -> None:
        stop.set()
        release.wait(60)

    with Scripted(script) as server:
        with pytest.raises(TaskError) as raised:
            Client(server).ask(stop=stop)
        release.set()
    assert raised.value.reason is Reason.STOPPED


def test_a_line_break_in_a_header_is_refused() -> None:
    with Scripted(lambda asked: answer(200)) as server:
        with pytest.raises(ValueError, match="line break"):
            Client(server).ask(headers={"x-amz-meta-a": "b\r\nx-amz-acl: public-read"})
        assert server.asked == []
