"""User code that starts processes in predict: by multiprocessing, subprocess, concurrent.futures, os.fork."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server, wait_until

CLASSES = ("gthread", "gevent")
ANSWERS = {
    "pool": [1, 4, 9],
    "executor": [1, 4, 9],
    "spawned": [1, 4, 9],
    "queue": [14, 0],
    "large": [3_000_000] * 2,
    "terminated": [-signal.SIGTERM],
    "shell": "2",
    "with_preexec": "[]",
    "fork_and_exec": 7,
    "handlers": "[] [] -1",
    "comes_back": "the parent's",
    "fails_in_child": "the parent's",
    "in_decode": "the parent's",
    "in_a_thread": [1, 4, 9],
}


def start(folder: Path, worker_class: str, **variables: Any) -> Server:
    one = Server(folder, "starts_processes", MODEL_SERVER_WORKER_CLASS=worker_class, **variables)
    (one.ml_root / "model").chmod(0o777)  # the worker may be somebody else
    return one


@pytest.fixture(scope="module", params=[(name, at_once) for name in CLASSES for at_once in (1, 2)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    worker_class, at_once = request.param
    folder = tmp_path_factory.mktemp("processes")
    with start(folder, worker_class, MODEL_SERVER_WORKERS=1, MODEL_SERVER_PREDICT_CONCURRENCY=at_once) as one:
        yield one


@pytest.mark.parametrize("how", ANSWERS)
def test_each_way_works_again_and_again_and_the_worker_lives(server: Server, how: str) -> None:
    worker = server.workers()
    for _ in range(3):
        answer = server.post({"how": how})
        assert (answer.status_code, answer.json()) == (200, ANSWERS[how])
    # Children that the model left behind may need a moment to end.
    wait_until(lambda: server.workers() == worker, "the worker alone")


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_process_that_outlives_its_worker_keeps_no_request_from_the_next_one(
    tmp_path: Path, worker_class: str
) -> None:
    """It would hold the dead worker's socket open, and requests would wait there for ever."""
    with start(tmp_path, worker_class, MODEL_SERVER_WORKERS=1) as one:
        stays = one.post({"how": "stays"}).json()
        try:
            worker = one.workers()
            assert one.post({"how": "dies"}).status_code == 502
            wait_until(lambda: one.workers() not in ([], worker), "the next worker")
            wait_until(lambda: one.post({"how": "shell"}).status_code == 200, "an answer")
            os.kill(stays, 0)  # it is still there
        finally:
            os.kill(stays, signal.SIGKILL)
