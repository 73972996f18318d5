"""Transfers that go on and on: what trickles is too slow, and all of a task's transfers have a time limit."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3 import connection, pace, sockets
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.connection import Broken, Pool
from longshore_runtime.runners.algorithm.s3.fetch import Limits, Wanted, fetch
from longshore_runtime.runners.algorithm.s3.sockets import Place
from longshore_runtime.runners.algorithm.s3.store import store
from tests.support import fault_proxy
from tests.support.fault_proxy import FaultProxy, PassOn, Stall
from tests.support.s3 import S3Server
from tests.support.scripted import Asked, Reply, Scripted
from tests.support.tasks import INPUTS, an_input, serve, stored, task, two_buckets


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


@pytest.fixture
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits themselves are half a minute and more."""
    monkeypatch.setattr(pace, "WINDOW_S", 0.5)
    monkeypatch.setattr(connection, "_LONGEST_WORK_S", 0.5)
    monkeypatch.setattr(sockets, "_CONNECT_S", 0.5)


def ask(server: Scripted, method: str, stop: threading.Event | None = None) -> bytes:
    pieces: list[bytes] = []
    pool = Pool(ssl.create_default_context)
    place = Place(False, "127.0.0.1", server.port)
    headers = {"host": "bucket.example.org"}
    answered = pool.exchange(
        place, method, "/key", headers, b"", lambda piece: pieces.append(bytes(piece)), stop
    )
    return answered.body or b"".join(pieces)


HEAD = b"HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 100000\r\n\r\n"
DRIPS = {
    "object": ("GET", Reply(HEAD, b"d" * 100_000, drip=True)),
    "head": ("GET", Reply(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 10_000, drip=True)),
    "answer to a put": ("PUT", Reply(HEAD, b"d" * 100_000, drip=True)),
    "interim answers": ("GET", Reply(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, drip=True)),
    "answer to a post": ("POST", Reply(HEAD, b" " * 100_000, drip=True)),
}


@pytest.mark.parametrize("what", DRIPS)
def test_what_trickles_is_too_slow(what: str, short_windows: None) -> None:
    method, reply = DRIPS[what]
    with Scripted(lambda asked: reply) as server, pytest.raises(Broken, match="S3 was too slow") as caught:
        ask(server, method)
    assert not caught.value.lasting  # it is worth another try


def test_what_ends_within_the_window_may_come_byte_by_byte() -> None:
    with Scripted(
        lambda asked: Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"slow body", drip=True)
    ) as server:
        assert ask(server, "GET") == b"slow body"


def test_the_spaces_that_s3_sends_while_it_works_are_not_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "WINDOW_S", 0.1)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"
    with Scripted(lambda asked: Reply(head, b" " * 26 + b"done", drip=True)) as server:
        assert ask(server, "POST").strip() == b"done"


def test_a_stop_ends_what_trickles() -> None:
    stop = threading.Event()
    method, reply = DRIPS["object"]

    def script(asked: Asked) -> Reply:
        stop.set()
        return reply

    with Scripted(script) as server, pytest.raises(TaskError) as caught:
        ask(server, method, stop)
    assert caught.value.reason is Reason.STOPPED


@pytest.mark.parametrize("what", ["proxy", "handshake"])
def test_a_connection_that_never_ends_to_begin_is_given_up(what: str, short_windows: None) -> None:
    """A proxy's answer to CONNECT, and the messages of a TLS handshake."""
    record = b"\x16\x03\x03\x40\x00" + bytes(10_000)  # the beginning of a handshake's message
    data = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000 if what == "proxy" else record

    with Scripted(lambda asked: Reply(b"", data, drip=True), binary=what == "handshake") as server:
        place = Place(True, "127.0.0.1", server.port)
        with pytest.MonkeyPatch.context() as patch:
            if what == "proxy":
                patch.setenv("https_proxy", server.url)
            with pytest.raises(sockets.Unreachable, match="S3 cannot be reached"):
                sockets.connect(place, ssl.create_default_context())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("bucket")
        server.put("bucket", "key", b"content")
        yield server


@pytest.mark.parametrize("kind", ["get", "put"])
def test_all_transfers_of_a_task_have_a_time_limit(
    kind: str, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    (folder := tmp_path / "folder").mkdir()
    (folder / "file").write_bytes(b"output")
    stop, wanted = threading.Event(), [Wanted("bucket", "key", folder / "input", "in/file")]
    with FaultProxy(server.url, fault_proxy.first(Stall(), kind, times=100)) as proxy:
        s3 = S3(proxy.url)
        transfer: Callable[[], object] = {
            "get": lambda: fetch(s3, wanted, Limits(1, None), 2, stop, seconds=1),
            "put": lambda: store(s3, folder, "bucket", "p/", 2, stop, seconds=1),
        }[kind]
        with pytest.raises(TaskError) as caught:
            transfer()
    assert caught.value.reason is Reason.TIMEOUT
    what = "The inputs were not fetched" if kind == "get" else "The outputs were not stored"
    limit = "the limit that ALGORITHM_TRANSFER_TIMEOUT_SECONDS sets"
    assert caught.value.message == f"{what} within 1 s, {limit}."
    assert server.keys("bucket") == ["key"]


def test_a_tasks_timeout_is_for_its_program_and_its_transfers_have_their_own(tmp_path: Path) -> None:
    with two_buckets(tmp_path) as s3:
        s3.put(INPUTS, "slow", b"1")
        slow = fault_proxy.first(Stall(), "get", times=100)
        proxy = FaultProxy(s3.url, lambda r: slow(r) if r.path.endswith("slow") else PassOn())
        limits = {"ALGORITHM_TRANSFER_TIMEOUT_SECONDS": "2"}
        with proxy, serve(tmp_path / "server", s3, True, AWS_ENDPOINT_URL_S3=proxy.url, **limits) as server:
            request = task(s3, "one", timeout=300)
            request["inputs"].append(an_input("slow", "slow"))
            answer = server.post(request).json()
            assert answer["reason"] == "timeout"
            assert "The inputs were not fetched within 2 s" in answer["user_safe_error_message"]
            assert (stored(s3, "one") or {})["reason"] == "timeout"
            assert server.post(task(s3, "two", timeout=0.2, script="sleep 60")).json()["reason"] == "timeout"
