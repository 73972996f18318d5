"""The queue in front of the model: who is refused, who is never computed, how many compute at once."""

from __future__ import annotations

import http.client
from concurrent.futures import Future
from pathlib import Path

import pytest
import requests

from tests.image.test_serve import assert_problem
from tests.support.gated import Gated, gated
from tests.support.server import Server, wait_until


def statuses(requests_sent: list[Future[requests.Response]]) -> list[int]:
    return [request.result().status_code for request in requests_sent]


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_full_queue_refuses_at_once_while_the_model_is_stuck(tmp_path: Path, worker_class: str) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=2, MODEL_SERVER_WORKER_CLASS=worker_class) as one:
        waiting = [one.stuck(), one.send("b"), one.send("c")]
        for number in range(3):
            refused = one.post(f"refused-{number}")
            assert "The queue is full" in str(assert_problem(refused, 503)["detail"])
            assert int(refused.headers["Retry-After"]) >= 1
        assert not any(request.done() for request in waiting)
        one.open()
        assert statuses(waiting) == [200, 200, 200]
        assert one.calls() == [["stuck"], ["b"], ["c"]]
        assert one.decoded() == ["stuck", "b", "c"], "what is refused is not even decoded"


def test_as_many_may_wait_as_there_are_threads_to_spare(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_THREADS=4) as one:
        waiting = [one.stuck(), one.send("b"), one.send("c")]
        assert one.post("refused").status_code == 503
        one.open()
        assert statuses(waiting) == [200, 200, 200]


def test_what_cannot_be_answered_in_time_is_refused_at_once(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_TIMEOUT=3) as one:
        assert one.post("taught", sleep=0.5).status_code == 200
        stuck = one.stuck()
        more = [one.pool.submit(one.post, f"{number}", sleep=0.5) for number in range(10)]

        def refusals() -> list[requests.Response]:
            done = [x.result() for x in more if x.done()]  # some may be nginx's, without these words
            return [x for x in done if "too long for an answer in time" in x.text]

        refused = wait_until(refusals, "a refusal")[0]
        assert_problem(refused, 503)
        assert not stuck.done()
        assert int(refused.headers["Retry-After"]) >= 2
        one.open()
        assert 504 not in statuses(more)


def test_what_expires_in_the_queue_gets_503_and_is_never_computed(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_TIMEOUT=2) as one:
        one.stuck()
        expired = one.send("expired").result()
        assert "busy for too long" in str(assert_problem(expired, 503)["detail"])
        one.open()
        wait_until(lambda: one.post("after").status_code == 200, "the model")
        assert ["expired"] not in one.calls()


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_client_gone_before_its_turn_is_not_computed(tmp_path: Path, worker_class: str) -> None:
    with gated(tmp_path, MODEL_SERVER_WORKER_CLASS=worker_class) as one:
        stuck = one.stuck()
        leaves = http.client.HTTPConnection("127.0.0.1", one.server.port)
        headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Inference-Id": "leaves"}
        leaves.request("POST", "/invocations", b'{"name": "leaves"}', headers)
        wait_until(lambda: "leaves" in one.decoded(), "the request")
        stays = one.send("stays")
        leaves.close()
        wait_until(lambda: '"request_id":"leaves"' in one.server.stdout, "nginx noticing")
        one.open()
        assert statuses([stuck, stays]) == [200, 200]
        assert one.calls() == [["stuck"], ["stays"]]
        wait_until(lambda: 'status="499"} 1.0' in one.server.get("/metrics").text, "the metric")


def test_a_client_cannot_say_when_its_request_came(tmp_path: Path) -> None:
    with gated(tmp_path) as one:
        assert one.server.post({"name": "old"}, X_Longshore_Received="1.0").status_code == 200


def test_a_call_that_is_stuck_although_all_were_quick_leaves_a_thread_to_read(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=1) as one:
        for number in range(60):  # then changing threads before a call would cost more than the call
            one.post(f"quick-{number}", quick=True)
        stuck = one.stuck()
        assert one.server.get("/execution-parameters").status_code == 200
        waiting = one.send("waits")
        assert one.post("refused").status_code == 503
        one.open()
        assert statuses([stuck, waiting]) == [200, 200]


def three_run_and_a_fourth_waits(one: Gated) -> None:
    sent = [one.send(name, until="open") for name in "abcd"]
    wait_until(lambda: len(one.calls()) == 3, "three calls at once")
    assert not any(request.done() for request in sent)
    one.open()
    assert statuses(sent) == [200] * 4
    assert len(one.calls()) == 4


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_setting_lets_several_predicts_run_at_once(tmp_path: Path, worker_class: str) -> None:
    with gated(tmp_path, MODEL_SERVER_PREDICT_CONCURRENCY=3, MODEL_SERVER_WORKER_CLASS=worker_class) as one:
        three_run_and_a_fourth_waits(one)


def test_so_does_an_attribute_of_the_model(tmp_path: Path) -> None:
    with gated(tmp_path, "allows_three_at_once") as one:
        assert one.server.get("/execution-parameters").json()["MaxConcurrentTransforms"] == 3
        three_run_and_a_fourth_waits(one)


def test_the_setting_counts_before_the_attribute(tmp_path: Path) -> None:
    with gated(tmp_path, "allows_three_at_once", MODEL_SERVER_PREDICT_CONCURRENCY=1) as one:
        stuck, waits = one.stuck("a"), one.send("b")
        assert one.calls() == [["a"]]
        one.open()
        assert statuses([stuck, waits]) == [200, 200]


def test_a_malformed_attribute_stops_the_start(tmp_path: Path) -> None:
    with Server(tmp_path, "max_concurrency_is_text", wait=False, MODEL_SERVER_WORKERS=1) as server:
        assert server.wait_exit() == 3
        assert "the model's max_concurrency (Model): 'many' is not allowed." in server.stderr


def test_the_oldest_of_several_calls_is_the_one_that_hangs(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_PREDICT_CONCURRENCY=2, MODEL_SERVER_TIMEOUT=1) as one:
        hung = one.stuck()
        while not hung.done():
            one.post("meanwhile")
        assert hung.result().status_code == 504
        wait_until(lambda: "a call of the model has run for over 1 s" in one.server.stderr, "the watchdog")
