"""Killed, reloaded, stopped while requests come at a steady rate: one right answer each, or a clean no."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.open_loop import REFUSED, OpenLoop, Outcome, at_the_end
from tests.support.server import PATIENCE, Server, wait_until

RATE = 50  # a second; two workers with this model answer twice as many


@pytest.fixture(params=["gthread", "gevent"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    # A loaded machine may pause for so long that the usual queue would be full, and requests refused.
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 2, "MODEL_SERVER_MAX_QUEUE": 1000}
    with Server(tmp_path, "sums_slowly", MODEL_SERVER_WORKER_CLASS=request.param, **variables) as started:
        wait_until(lambda: loads(started) == 2, "both workers")
        yield started


@pytest.fixture(params=[True, False], ids=["kept connections", "one a request"])
def keep(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def loads(server: Server) -> int:
    return server.stderr.count("has loaded in")


@contextmanager
def asked(server: Server, keep: bool) -> Iterator[OpenLoop]:
    """Requests come, from before the block until its end; then all have their outcome."""
    client = OpenLoop(server.port, RATE, keep=keep)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.run)
        try:
            more(client)
            yield client
        finally:
            client.stop()
            running.result()


def more(client: OpenLoop, count: int = 20) -> None:
    """Wait for so many further outcomes."""
    enough = len(client.outcomes) + count
    wait_until(lambda: len(client.outcomes) >= enough, "outcomes")


def kinds(outcomes: list[Outcome]) -> set[str]:
    return {outcome.kind for outcome in outcomes}


def sent_at(outcome: Outcome) -> float:
    return outcome.due + outcome.late


def test_a_killed_worker_costs_no_request_but_those_it_had(server: Server, keep: bool) -> None:
    with asked(server, keep) as client:
        pid = server.workers()[0]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: f"worker {pid} died" in server.stderr, "its end")
        dead = time.monotonic()
        wait_until(lambda: loads(server) == 3, "its replacement")
        more(client)
    assert len(client.outcomes) == client.sent
    assert kinds(client.outcomes) <= {"200", "502"}
    assert kinds([outcome for outcome in client.outcomes if sent_at(outcome) > dead]) == {"200"}


def test_a_reload_costs_no_request(server: Server, keep: bool) -> None:
    with asked(server, keep) as client:
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the model loaded before has left" in server.stderr, "the old one's end")
        more(client)
    assert len(client.outcomes) == client.sent
    assert kinds(client.outcomes) == {"200"}


def test_a_stop_answers_all_it_has_taken_and_refuses_the_rest(server: Server, keep: bool) -> None:
    with asked(server, keep) as client:
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        more(client)
    assert len(client.outcomes) == client.sent
    assert kinds(at_the_end(client.outcomes)) == {"200", "503", REFUSED}
    first = min(sent_at(outcome) for outcome in client.outcomes if outcome.kind == "503")
    assert kinds([o for o in client.outcomes if sent_at(o) < first]) == {"200"}


def test_more_than_nginx_has_connections_for_is_refused_and_ping_is_answered(tmp_path: Path) -> None:
    with (
        Server(tmp_path, "holds_the_gil", MODEL_SERVER_WORKERS=1) as server,
        ThreadPoolExecutor(2) as pool,
    ):
        model = server.ml_root / "model"
        model.chmod(0o777)  # the worker may be somebody else
        pool.submit(server.post, {"hold": 10_000})
        wait_until(lambda: any(model.glob("arrived-*")), "its reaching the model")
        client = OpenLoop(server.port, rate=400, patience=PATIENCE)
        running = pool.submit(client.run)
        try:
            more(client, 1000)
            assert kinds(client.outcomes) == {"503"}
            assert server.ping() == 200
        finally:
            client.stop()
            for number in (signal.SIGTERM, signal.SIGINT):  # the second one ends all that hangs at once
                server.process.send_signal(number)
                wait_until(lambda number=number: number.name in server.stderr, "its line")
            running.result()
