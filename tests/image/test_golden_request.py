"""The golden request: what a worker must answer before it counts as ready."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.model_settings import GOLDEN_TYPES
from longshore_runtime.runners.model import media
from tests.support.sample import PAYLOAD
from tests.support.server import Server, wait_until

GOLDEN = "MODEL_SERVER_GOLDEN_REQUEST"


def server(folder: Path, behaviour: str, model: str = "golden", **variables: Any) -> Server:
    """Two workers whose golden request is the model's own example, not started."""
    made = Server(folder, model, **{"MODEL_SERVER_WORKERS": 2, GOLDEN: "example", "wait": False, **variables})
    behave(made, behaviour)
    (made.ml_root / "model").chmod(0o777)  # the workers may be somebody else
    return made


def behave(server: Server, behaviour: str) -> None:
    (server.ml_root / "model" / "behaviour").write_text(behaviour)


def calls(server: Server) -> list[tuple[int, str]]:
    """Each call of the model: the pid of its process, and what it got."""
    file = server.ml_root / "model" / "calls"
    lines = [line.split(" ", 1) for line in file.read_text().splitlines()] if file.exists() else []
    return [(int(pid), data) for pid, data in lines]


def failure(server: Server) -> str:
    """What the start says before it ends with code 3 without a healthy /ping; told once."""
    with server:
        seen = set()
        while server.process.poll() is None:
            seen.add(server.ping())
        assert server.process.returncode == 3, server.stderr
        assert 200 not in seen
        text = "\n".join(line for line in server.stderr.splitlines() if not line.startswith("{"))
    assert text.count(GOLDEN) == 1, text
    assert "crash loop" not in server.stderr
    return text


def counted(made: Server) -> float:
    """The requests that /metrics tells of, and the calls: they are as many where each is a batch."""
    page = made.get("/metrics").text
    requests = sum(map(float, re.findall(r"^longshore_requests_total{.*} (.*)$", page, re.MULTILINE)))
    calls = re.search(r"^longshore_batch_size_count (.*)$", page, re.MULTILINE)
    assert calls is not None and float(calls[1]) == requests
    return requests


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_each_worker_answers_it_after_the_fork_and_before_it_is_ready(
    tmp_path: Path, worker_class: str
) -> None:
    """A thread started by the first call is no obstacle to one copy of the model: it starts in the worker."""
    made = server(tmp_path, "starts a thread", MODEL_SERVER_WORKER_CLASS=worker_class)
    with made:
        made.wait_ready()
        wait_until(lambda: made.stderr.count("has loaded in") == 2, "both workers")
        assert {pid for pid, _ in calls(made)} == set(made.workers())
        assert [data for _, data in calls(made)] == ["{'golden': True}"] * 2
        once = "the model is loaded once for 2 workers" in made.stderr
        assert once == (worker_class == "gthread")
        os.kill(made.workers()[0], signal.SIGKILL)
        wait_until(lambda: made.stderr.count("has loaded in") == 3, "the replacement")
        assert len(calls(made)) == 3
        assert counted(made) == 0
        assert made.post({"golden": False}).json() == "done"
        assert counted(made) == 1


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("raises", "KeyError: 'weights of layer 7'"),
        ("refuses", "would be answered with 422: Send what this model was trained on."),
        ("exits", "SystemExit: enough"),
        ("cannot be encoded", "The model failed on the golden request"),
    ],
)
@pytest.mark.parametrize("preload", ["auto", "never"])
def test_one_that_is_not_answered_ends_the_start_with_the_traceback(
    tmp_path: Path, behaviour: str, message: str, preload: str
) -> None:
    text = failure(server(tmp_path, behaviour, MODEL_SERVER_PRELOAD=preload))
    assert text.count(message) == 1, text
    assert "Traceback (most recent call last)" in text
    assert 'inference.py", line' in text or behaviour == "cannot be encoded"


def test_a_response_with_an_error_is_no_answer(tmp_path: Path) -> None:
    assert "would be answered with 404, by the model itself" in failure(
        server(tmp_path, "responds with an error")
    )


def test_it_goes_through_predict_batch_where_there_is_one(tmp_path: Path) -> None:
    assert "ZeroDivisionError: a batch of 1" in failure(server(tmp_path, "", "golden_batches"))


@pytest.mark.parametrize(
    ("behaviour", "worker_class"),
    [
        ("hangs", "gthread"),
        ("hangs", "gevent"),
        ("hangs holding the GIL", "gthread"),
        ("spins holding the GIL", "gthread"),
    ],
)
def test_one_that_takes_longer_than_the_time_limit_ends_the_start_with_its_stack(
    tmp_path: Path, behaviour: str, worker_class: str
) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_TIMEOUT": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    text = failure(server(tmp_path, behaviour, **variables))
    assert "was not answered within 1 s, the limit set by MODEL_SERVER_TIMEOUT" in text
    assert 'inference.py", line' in text, text


def test_a_reload_whose_golden_request_fails_leaves_the_old_model_serving(tmp_path: Path) -> None:
    with server(tmp_path, "works") as made:
        made.wait_ready()
        wait_until(lambda: made.stderr.count("has loaded in") == 2, "both workers")
        before = made.pids("gunicorn")
        behave(made, "raises")
        made.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the reload failed" in made.stderr, "the log's word")
        (line,) = [line for line in made.log() if "the reload failed" in line["message"]]
        assert "KeyError: 'weights of layer 7'" in line["message"]
        wait_until(lambda: made.pids("gunicorn") == before, "the end of the new processes")
        behave(made, "works")
        assert (made.ping(), made.post({}).json()) == (200, "done")


def test_it_may_be_a_file_sent_as_what_its_name_says(tmp_path: Path) -> None:
    with server(tmp_path, "works", **{GOLDEN: str(PAYLOAD)}) as made:
        made.wait_ready()
        assert calls(made)[0][1].startswith("[[5.1 3.5 1.4 0.2]")


def test_each_kind_of_file_has_a_type_that_is_read() -> None:
    readable = {*media.SUPPORTED, *media.ARROW_TYPES}
    assert {media.canonical(content_type) for content_type in GOLDEN_TYPES.values()} <= readable


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("rowsum", "it asks for the model file's own example, but it has none."),
        ("example_is_a_text", "it asks for the model file's own example, but it is '1,2,3'."),
    ],
)
def test_an_example_that_is_missing_or_no_request_is_told(tmp_path: Path, model: str, message: str) -> None:
    assert message in failure(server(tmp_path, "", model))


def test_a_file_that_is_missing_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with server(tmp_path, "works", **{GOLDEN: str(tmp_path / "none.csv")}) as made:
        assert made.wait_exit() == 2
        assert made.stderr.splitlines() == [
            f"serve: {GOLDEN}: there is no file {tmp_path / 'none.csv'}. Put one there, or unset it."
        ]


def test_it_has_the_headers_of_a_request(tmp_path: Path) -> None:
    """A model that reads them, or flask.request, would end the start."""
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, GOLDEN: "example"}
    with Server(tmp_path, "golden_flask_request", **variables) as made:
        assert made.post({"a": 1}).json() == ["/invocations", "application/json", "application/json"]
