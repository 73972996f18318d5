"""What code sets in the thread that imports and loads it holds in the calls of the model."""

from __future__ import annotations

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.image.test_exchange import GUNICORNS_WAY, connected, content, request
from tests.image.test_serve import assert_problem
from tests.support.server import MODELS, Server, wait_until

CLASSES = ("gthread", "gevent")
CONTEXT = {"decimal": "0." + 50 * "3", "variable": "set"}
SEEN = CONTEXT | {
    "sklearn": "DataFrame",
    "numpy": "raises",
    "local": "set",
    "sqlite": 1.5,
    "asyncio": 2,
    "alarm": 1,
    "same thread": True,
}


def start(folder: Path, worker_class: str, kind: str = "", **variables: Any) -> Server:
    settings: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    one = Server(folder, f"remembers_its_thread{kind}", **settings | variables)
    shutil.copy(MODELS / "remembers_its_thread.py", one.ml_root / "model" / "code" / "one.py")
    return one


def ask(one: Server, body: object, times: int = 24) -> list[requests.Response]:
    """Ask one after the other, then several at a time."""
    with ThreadPoolExecutor(8) as pool:
        return [one.post(body) for _ in range(4)] + list(pool.map(one.post, [body] * times))


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("worker_class", CLASSES)
def test_predict_runs_in_the_thread_that_loaded(tmp_path: Path, worker_class: str, workers: int) -> None:
    """With two workers and gthread a fork is in between, unless the model has something open."""
    with start(tmp_path, worker_class, MODEL_SERVER_WORKERS=workers) as one:
        for answer in ask(one, {}):
            assert answer.json() == SEEN


@pytest.mark.parametrize("worker_class", CLASSES)
def test_so_do_requests_that_gunicorn_reads(tmp_path: Path, worker_class: str) -> None:
    with start(tmp_path, worker_class) as one:
        large = {"large": "x" * 1_000_000}
        for body in ({}, large, {}, large):
            assert one.post(body).json() == SEEN
        with connected(one) as connection, connection.makefile("rb") as stream:
            connection.sendall(request(GUNICORNS_WAY, b"{}"))
            assert content(stream) == SEEN


@pytest.mark.parametrize("worker_class", CLASSES)
def test_predict_batch_too_and_decode_and_encode_have_the_context_of_the_load(
    tmp_path: Path, worker_class: str
) -> None:
    with start(tmp_path, worker_class, "_in_batches") as one:
        for answer in ask(one, {}):
            assert answer.json() == [CONTEXT, SEEN, CONTEXT]


@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("worker_class", CLASSES)
def test_all_of_sagemakers_functions_run_there(tmp_path: Path, worker_class: str, batches: bool) -> None:
    with start(tmp_path, worker_class, "_sagemaker", **({"BATCHES": 1} if batches else {})) as one:
        for answer in ask(one, {}):
            assert answer.json() == [SEEN] * 3
        for where, status in {"input": 400, "predict": 422, "output": 406}.items():
            assert "not this" in str(assert_problem(one.post({"refuse": where}), status)["detail"])
        large = ["x" * 1_000_000]
        assert one.post(large).json() == [SEEN] * 3
        timing = one.post({}).headers["Server-Timing"]
        assert all(f"{stage};dur=" in timing for stage in ("decode", "queue", "predict", "encode", "total"))


@pytest.mark.parametrize("worker_class", CLASSES)
def test_several_calls_at_once_have_the_context_of_the_load(tmp_path: Path, worker_class: str) -> None:
    with start(tmp_path, worker_class, MODEL_SERVER_PREDICT_CONCURRENCY=3) as one:
        for answer in ask(one, {"what": "context"}):
            assert answer.json() == CONTEXT


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_handler_that_raises_while_the_worker_is_idle_costs_no_request(
    tmp_path: Path, worker_class: str
) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with Server(tmp_path, "sets_signal_handlers", **variables) as one:
        worker = one.workers()
        for number in range(1, 4):
            one.post({"what": "alarm", "seconds": 0.2})
            wait_until(
                lambda n=number: one.stderr.count("LateError: the alarm") >= n, "the alarm, while idle"
            )
            assert one.post({"what": "after"}).json() == "after"
        assert [one.post({"what": "after"}).json() for _ in range(20)] == ["after"] * 20
        assert one.workers() == worker
        queue = next(
            line for line in one.get("/metrics").text.splitlines() if line.startswith("longshore_queue")
        )
        assert queue.endswith(" 0.0")


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_model_that_ignores_sigterm_is_stopped_like_any_other(tmp_path: Path, worker_class: str) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with Server(tmp_path, "sets_signal_handlers", **variables) as one, ThreadPoolExecutor() as pool:
        assert one.post({"what": "ignore SIGTERM"}).status_code == 200
        go_on = tmp_path / "go on"
        sent = pool.submit(one.post, {"what": "wait for a file", "file": str(go_on)})
        wait_until(lambda: "longshore_requests_in_flight 1.0" in one.get("/metrics").text, "the request")
        one.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "SIGTERM" in one.stderr, "the start of the drain")
        go_on.touch()
        assert sent.result().json() == "wait for a file"
        assert one.wait_exit() == 0
        assert "died" not in one.stderr


@pytest.mark.parametrize("seconds", [0.0, 0.003])
@pytest.mark.parametrize(("places", "statuses"), [(1, {200, 503}), (1000, {200})])
def test_no_thread_waits_for_one_that_waits_for_it(
    tmp_path: Path, places: int, statuses: set[int], seconds: float
) -> None:
    """Small requests, which any thread reads, among large ones, which keep a thread and room in memory."""
    variables: dict[str, Any] = {
        "MODEL_SERVER_WORKERS": 1,
        "MODEL_SERVER_THREADS": places + 2,
        "MODEL_SERVER_MAX_QUEUE": places,
        "MODEL_SERVER_MAX_BODIES_MB": 1,
    }
    body = {"what": "sleep", "seconds": seconds}
    bodies = [body, body, body | {"large": "x" * 100_000}, body, body | {"large": "x" * 700_000}]
    with Server(tmp_path, "sets_signal_handlers", **variables) as one, ThreadPoolExecutor(24) as pool:
        assert {answer.status_code for answer in pool.map(one.post, bodies * 40)} <= statuses
        assert [one.post(body).status_code for body in bodies] == [200] * len(bodies)


@pytest.mark.parametrize("worker_class", CLASSES)
def test_no_large_body_waits_for_room_that_its_own_batch_keeps(tmp_path: Path, worker_class: str) -> None:
    """input_fn, called beside the model, leaves it to us to decode them, and there is room for one."""
    variables: dict[str, Any] = {
        "MODEL_SERVER_WORKERS": 1,
        "MODEL_SERVER_WORKER_CLASS": worker_class,
        "MODEL_SERVER_MAX_DECODED_MB": 16,
        "MODEL_SERVER_TIMEOUT": 20,
    }
    with (
        Server(tmp_path, "sagemaker_leaves_bodies_to_us", **variables) as one,
        ThreadPoolExecutor(12) as pool,
    ):
        send = lambda body: one.post(body, "text/csv", Accept="application/json")  # noqa: E731
        answers = [*pool.map(send, ["1,2\n" * rows for rows in (1, 150_000, 1, 150_000, 150_000, 1) * 3])]
        assert [answer.text for answer in answers] == ["3", "450000", "3", "450000", "450000", "3"] * 3
