"""What dies, and what is seen of it: by the client, by /ping, and in the exit code."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server, alive, wait_until


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_worker_killed_in_a_request_gives_a_clean_502_and_the_next_request_works(
    tmp_path: Path, worker_class: str
) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with Server(tmp_path, "kills_itself", **variables) as server:
        first = server.post({}).json()
        killed = server.post({"signal": int(signal.SIGKILL)})
        assert (killed.status_code, killed.headers["Content-Type"]) == (502, "application/problem+json")
        assert killed.json()["request_id"] == killed.headers["X-Amzn-SageMaker-Inference-Id"]
        after = server.post({})
        assert after.status_code == 200 and after.json() != first


def test_ping_says_503_while_no_worker_lives(tmp_path: Path) -> None:
    """The replacements cannot load in time: their model is a slow one by then."""
    with Server(tmp_path, "kills_itself", MODEL_SERVER_WORKERS=2, MODEL_SERVER_PRELOAD="never") as server:
        wait_until(lambda: len(server.workers()) == 2, "both workers")
        wait_until(lambda: server.stderr.count("has loaded in") == 2, "both workers loaded")
        slow = (Path(__file__).parents[1] / "models" / "loads_slowly.py").read_text()
        (server.ml_root / "model" / "code" / "inference.py").write_text(slow)
        for pid in server.workers():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: server.ping() == 503, "/ping saying 503")
        assert {server.ping() for _ in range(20)} == {503}
        assert (
            server.get("/ping").json()["detail"] == "Every worker has died; new ones are loading the model."
        )


def test_one_dead_worker_of_two_leaves_the_pool_serving(tmp_path: Path) -> None:
    with Server(tmp_path, "kills_itself", MODEL_SERVER_WORKERS=2) as server:
        wait_until(lambda: server.stderr.count("has loaded in") == 2, "both workers loaded")
        killed = server.workers()[0]
        os.kill(killed, signal.SIGKILL)
        # Until it is gone its socket takes requests, which then go with it.
        wait_until(lambda: not alive(killed), "its end")
        assert {server.ping() for _ in range(20)} == {200}
        assert {server.post({}).status_code for _ in range(20)} == {200}
        wait_until(lambda: server.stderr.count("has loaded in") == 3, "the replacement")


@pytest.mark.parametrize("program", ["nginx", "gunicorn"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
def test_the_first_exit_ends_the_group_non_zero(tmp_path: Path, program: str, number: signal.Signals) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server:
        pids = server.pids("nginx") + server.pids("gunicorn")
        os.kill(server.pids(program)[0], number)
        # Killed, the group ends with 128 + 9; asked to go by another than the supervisor, it goes with 0,
        # which is a failure all the same.
        assert server.wait_exit() == (128 + number if number == signal.SIGKILL else 1)
        assert f"{program} ended by" in server.stderr
        wait_until(lambda: not [pid for pid in pids if alive(pid)], "the end of all")


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
@pytest.mark.parametrize("model", ["hangs", "hangs_holding_the_gil", "hangs_in_decode", "hangs_in_encode"])
def test_a_call_that_never_ends_is_a_504_and_costs_one_worker(
    tmp_path: Path, model: str, worker_class: str
) -> None:
    variables: dict[str, Any] = {
        "MODEL_SERVER_WORKERS": 1,
        "MODEL_SERVER_TIMEOUT": 1,
        "MODEL_SERVER_WORKER_CLASS": worker_class,
    }
    with Server(tmp_path, model, **variables) as server:
        first = server.post({}).json()
        hung = server.post({"hang": True})
        if hung.status_code == 503:  # a loaded machine has not brought it to the model in time
            hung = server.post({"hang": True})
        assert (hung.status_code, hung.headers["Content-Type"]) == (504, "application/problem+json")
        assert "within 1 seconds, the limit set by MODEL_SERVER_TIMEOUT" in hung.json()["detail"]

        def answered_by_another() -> bool:  # beside a decode or encode that hangs its worker goes on at first
            response = server.post({})
            return response.status_code == 200 and response.json() != first

        server.hang({"hang": True}, answered_by_another, "the replacement's answer")


@pytest.mark.parametrize(
    ("model", "what"),
    [("hangs", "a call of the model"), ("hangs_in_decode", "a decode"), ("hangs_in_encode", "an encode")],
)
def test_the_log_shows_what_hung_and_where(tmp_path: Path, model: str, what: str) -> None:
    with Server(tmp_path, model, MODEL_SERVER_WORKERS=1, MODEL_SERVER_TIMEOUT=1) as server:
        server.hang({"hang": True}, lambda: "inference.py" in server.stderr, "the stack of the hung call")
        assert f"{what} has run for over 1 s" in server.stderr


def test_ping_answers_while_every_worker_computes(tmp_path: Path) -> None:
    with Server(tmp_path, "slow", MODEL_SERVER_WORKERS=2) as server, ThreadPoolExecutor() as pool:
        requests = [pool.submit(server.post, {"spin": 3}) for _ in range(4)]
        answers = 0
        while not any(request.done() for request in requests):
            assert server.ping() == 200
            answers += 1
        assert answers > 10, "each took a fraction of the three seconds"
        assert {request.result().status_code for request in requests} == {200}
