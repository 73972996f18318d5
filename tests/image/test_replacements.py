"""Workers that cannot be replaced: others go on, starts are tried again, and a server without any ends."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.serving import deaths
from longshore_runtime.serving.retries import Retries
from tests.support.limits import process_limit
from tests.support.metrics import samples
from tests.support.raw_http import connect, statuses
from tests.support.server import Server, wait_until

FAILURES = "longshore_worker_start_failures_total"
TWO: dict[str, Any] = {"MODEL_SERVER_WORKERS": 2, "MODEL_SERVER_PRELOAD": "never"}


def both_ready(server: Server) -> None:
    wait_until(lambda: samples(server)["longshore_workers_ready"] == 2, "both workers", seen=server.seen)


def fail_from_now(server: Server, how: str) -> Path:
    sign = server.ml_root / "model" / "load-fails"
    sign.write_text(how)
    return sign


@pytest.mark.parametrize("how", ["raise", "crash"])
def test_a_replacement_that_cannot_load_leaves_the_others_serving_and_is_tried_again(
    tmp_path: Path, how: str
) -> None:
    with Server(tmp_path, "fails_after_a_while", **TWO) as server:
        both_ready(server)
        sign = fail_from_now(server, how)
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_until(lambda: samples(server)[FAILURES] >= 3, "three starts", seen=server.seen)
        assert {server.post({}).status_code for _ in range(10)} == {200}
        assert (server.ping(), samples(server)["longshore_workers_ready"]) == (200, 1)
        said = "1 workers serve, the next start is in "
        wait_until(lambda: server.stderr.count(said) >= 3, "the lines about them")
        if how == "raise":
            assert "could not load, the others go on: The model in " in server.stderr
            assert "the weights cannot be fetched now" in server.stderr
        sign.unlink()
        both_ready(server)
        server.process.terminate()
        assert server.wait_exit() == 0


def test_a_server_of_which_no_worker_can_load_any_more_ends(tmp_path: Path) -> None:
    with Server(tmp_path, "fails_after_a_while", **TWO) as server:
        both_ready(server)
        fail_from_now(server, "raise")
        for pid in server.workers():
            os.kill(pid, signal.SIGKILL)
        assert server.wait_exit() == 3
        assert "the weights cannot be fetched now" in server.stderr
        assert server.stderr.count("crash loop: no worker serves, and start after start failed: ") == 1


def test_a_replacement_that_fails_the_golden_request_leaves_the_others_serving(tmp_path: Path) -> None:
    golden = tmp_path / "golden.json"
    golden.write_text("{}")
    settings: dict[str, Any] = {"MODEL_SERVER_WORKERS": 2, "MODEL_SERVER_GOLDEN_REQUEST": golden}
    with Server(tmp_path, "rowsum", wait=False, **settings) as bad:
        assert bad.wait_exit() == 3, "it cannot be answered at the start"
    golden.write_text("[[1, 2]]")
    with Server(tmp_path, "rowsum", **settings) as server:
        both_ready(server)
        golden.write_text("{}")
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_until(lambda: samples(server)[FAILURES] >= 1, "a start that failed", seen=server.seen)
        assert server.post([[1, 2]]).json() == [3]
        golden.write_text("[[1, 2]]")
        both_ready(server)


def test_where_no_process_or_thread_can_be_started_the_others_serve_and_ping_and_metrics_answer(
    tmp_path: Path,
) -> None:
    with (
        process_limit() as limit,
        Server(tmp_path, "fails_after_a_while", command=limit.command, **TWO) as server,
    ):
        both_ready(server)
        server.post({})
        limit.set(server, to=1)
        os.kill(server.workers()[0], signal.SIGKILL)
        wait_until(lambda: samples(server)[FAILURES] >= 1, "a start that failed", seen=server.seen)
        said = "a worker could not be started: Resource temporarily unavailable"
        wait_until(lambda: said in server.stderr, "the line about it")
        assert {server.post({}).status_code for _ in range(10)} == {200}
        assert {server.ping() for _ in range(10)} == {200}
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the reload failed; the model loaded before" in server.stderr, "the failed reload")
        assert server.post({}).status_code == 200
        limit.set(server, to=None)
        both_ready(server)
        server.process.terminate()
        assert server.wait_exit() == 0


def test_silent_connections_to_the_health_socket_delay_no_ping(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server, ExitStack() as stack:
        path = next(server.temporary.glob("longshore-*/health.sock"))
        for _ in range(200):
            silent = stack.enter_context(socket.socket(socket.AF_UNIX))
            silent.connect(str(path))
        with connect(server) as connection:
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
            assert statuses(connection.recv(65536))[:1] == [200]  # the others may come with it
        assert silent.recv(1) == b"", "it is closed after a while"


def test_deaths_while_loading_and_later_are_counted_apart() -> None:
    loop = deaths.CrashLoop(workers=1)
    assert [loop.died(0, None) for _ in range(9)] == [False] * 2 + [True] * 7
    now = time.monotonic()
    assert not loop.died(0, now), "one that had loaded"
    assert [loop.died(0, now) for _ in range(4)] == [False] * 3 + [True]
    assert not loop.died(1, now), "something was answered"


def test_starts_are_tried_again_after_a_while_that_grows() -> None:
    retries = Retries()
    assert retries.due
    waits = []
    for _ in range(8):
        waits.append(round(retries.failed()))
        assert round(retries.failed()) == waits[-1], "of the same round"
        assert not retries.due
        retries._not_before = 0.0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    retries.at_once()
    assert retries.due and round(retries.failed()) == 1
