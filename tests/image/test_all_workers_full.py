"""While no worker has room nginx refuses; as soon as one has, or is new, requests come to it again."""

from __future__ import annotations

import copy
import os
import signal
from concurrent.futures import Future
from pathlib import Path

import pytest
import requests

from longshore_runtime.serving.fullness import Fullness
from longshore_runtime.serving.tallies import Tally
from tests.image.test_serve import assert_problem
from tests.support.gated import Gated, gated
from tests.support.metrics import samples
from tests.support.server import wait_until

READ = "longshore_request_seconds_count"  # of requests that a worker has read
REFUSED = 'longshore_refused_total{reason="full"}'
ANSWERED_503 = 'longshore_requests_total{status="503"}'


def fill(one: Gated, workers: int = 1) -> list[Future[requests.Response]]:
    """In each worker one that computes, until there is a file open-N, and one that waits, for open."""
    sent = [one.send(f"computes-{number}", until=f"open-{number}") for number in range(workers)]
    wait_until(lambda: len(one.calls()) == workers, "a call in each worker")
    return sent + [one.send(f"waits-{number}", until="open") for number in range(workers)]


def refusing(one: Gated) -> bool:
    return bool(list(one.server.temporary.glob("longshore-*/workers/full")))


def refuse_until_nginx_does(one: Gated) -> int:
    """How many the workers have refused before."""
    count = 0
    while not refusing(one):
        assert one.post(f"refused-{count}").status_code == 503
        count += 1
    return count


def release(one: Gated, *names: str) -> None:
    for name in names:
        (one.folder / name).touch()


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_nginx_refuses_while_the_queue_is_full_and_all_are_counted(tmp_path: Path, worker_class: str) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=1, MODEL_SERVER_WORKER_CLASS=worker_class) as one:
        sent = fill(one)
        assert refuse_until_nginx_does(one) == 1
        before = samples(one.server)
        for number in range(3):
            refused = one.post(f"late-{number}")
            assert assert_problem(refused, 503)["request_id"] == f"id-late-{number}"
            assert refused.headers["Retry-After"] == "1"
            assert refused.headers["X-Amzn-SageMaker-Inference-Id"] == f"id-late-{number}"
        after = samples(one.server)
        assert after[READ] == before[READ]
        assert (before[REFUSED], before[ANSWERED_503]) == (1, 1)
        assert (after[REFUSED], after[ANSWERED_503]) == (4, 4)
        assert one.server.ping() == one.server.get("/execution-parameters").status_code == 200
        release(one, "open-0", "open")
        assert {answer.result().status_code for answer in sent} == {200}
        assert not refusing(one)
        assert one.post("again").status_code == 200
        lines = [line for line in one.server.access_log() if line["request_id"].startswith("id-late-")]
        assert [(line["status"], line["path"]) for line in lines] == [(503, "/invocations")] * 3


def test_a_connection_is_kept_after_a_refusal_whose_body_has_come(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=1) as one, requests.Session() as session:
        fill(one)
        refuse_until_nginx_does(one)
        for body in (b"{}", b" " * 2**20, b"{}"):
            answer = session.post(f"{one.server.url}/invocations", body)
            assert (answer.status_code, answer.headers["Connection"]) == (503, "keep-alive")
        release(one, "open-0")


def test_a_full_worker_that_is_killed_leaves_room_for_its_successor(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=1) as one:
        sent = fill(one)
        refuse_until_nginx_does(one)
        os.kill(one.server.workers()[0], signal.SIGKILL)
        assert {answer.result().status_code for answer in sent} == {502}
        wait_until(lambda: one.server.stderr.count("has loaded in") == 2, "its successor")
        assert one.post("again").status_code == 200
        assert samples(one.server)[REFUSED] == 1


def test_one_worker_that_has_room_takes_what_the_full_one_cannot(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=1, MODEL_SERVER_WORKERS=2) as one:
        wait_until(lambda: one.server.stderr.count("has loaded in") == 2, "both workers")
        sent = fill(one, workers=2)
        assert refuse_until_nginx_does(one) >= 2
        release(one, "open-0")
        wait_until(lambda: not refusing(one), "room in one of them")
        sent.append(one.send("later"))  # comes back once it waits there
        refuse_until_nginx_does(one)
        release(one, "open-1", "open")
        assert {answer.result().status_code for answer in sent} == {200}
        assert not refusing(one)


def test_a_successor_is_asked_although_the_other_worker_is_full(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=1, MODEL_SERVER_WORKERS=2) as one:
        wait_until(lambda: one.server.stderr.count("has loaded in") == 2, "both workers")
        fill(one, workers=2)
        refuse_until_nginx_does(one)
        os.kill(one.server.workers()[0], signal.SIGKILL)
        wait_until(lambda: one.server.stderr.count("has loaded in") == 3, "the successor")
        assert not refusing(one)
        wait_until(lambda: one.post("again").status_code == 200, "nginx's coming back to that socket")
        release(one, "open-0", "open-1", "open")


def test_a_reload_begins_with_room(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=1) as one:
        sent = fill(one)
        refuse_until_nginx_does(one)
        one.server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "requests go to the model loaded anew" in one.server.stderr, "the reload")
        assert not refusing(one)
        # What nginx has kept to the old worker is closed with one more refusal each.
        wait_until(lambda: one.post("again").status_code == 200, "an answer of the new one")
        release(one, "open-0", "open")
        assert {answer.result().status_code for answer in sent} == {200}


def test_a_queue_too_long_for_an_answer_in_time_is_full_too(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_TIMEOUT=4) as one:
        assert one.post("taught", sleep=1.0).status_code == 200
        sent = [one.pool.submit(one.post, str(number), until="open", sleep=1.0) for number in range(10)]
        wait_until(lambda: refusing(one), "too many")
        assert "The queue is full" in one.post("refused").text
        release(one, "open")
        assert {answer.result().status_code for answer in sent} == {200, 503}
        assert not refusing(one)


def test_where_each_expires_there_is_room_although_the_call_goes_on(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=1, MODEL_SERVER_TIMEOUT=3) as one:
        computes, waits = fill(one)
        refuse_until_nginx_does(one)
        assert waits.result().status_code == 503
        assert not refusing(one)
        release(one, "open-0")
        computes.result()


def two_workers(folder: Path) -> tuple[Fullness, Fullness, Fullness]:
    """The master's, and those of two workers that have room; a copy has the same memory, as after a fork."""
    master = Fullness()
    workers = copy.copy(master), copy.copy(master)
    for slot, worker in enumerate(workers):
        worker.adopt(slot, folder)
        worker.has_room()
    return master, *workers


def test_the_file_is_there_while_all_that_live_are_full(tmp_path: Path) -> None:
    master, one, other = two_workers(tmp_path)
    file = tmp_path / "full"
    one.full()
    assert not file.exists()
    other.full()
    assert file.exists()
    one.has_room()
    assert not file.exists()
    master.gone(0, tmp_path)
    other.full()
    assert file.exists()
    master.gone(1, tmp_path)
    assert not file.exists()


def test_a_disk_that_takes_no_file_is_no_error(tmp_path: Path) -> None:
    master, one, other = two_workers(tmp_path / "missing")
    one.full()
    other.full()
    one.has_room()
    master.gone(1, tmp_path / "missing")


def test_the_count_is_exact_and_takes_no_room_on_the_disk(tmp_path: Path) -> None:
    refusals = Tally(tmp_path / "refused")
    assert refusals.count() == 0
    with (tmp_path / "refused").open("ab", buffering=0) as file:
        for written in range(1, 4):
            file.write(b"\n" * 2**21)
            assert refusals.count() == written * 2**21
    assert (tmp_path / "refused").stat().st_blocks * 512 < 2**20
