"""Responses, None and plain objects from a model's functions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server, wait_until


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def responds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("responds")
    with Server(
        folder, "responds", MODEL_SERVER_WORKERS=1, MODEL_SERVER_WORKER_CLASS=request.param
    ) as server:
        yield server


@pytest.mark.parametrize("function", ["predict", "encode"])
@pytest.mark.parametrize("duck", [False, True])
@pytest.mark.parametrize("status", [200, 201, 404, 415, 418, 500, 503, 299, 599])
def test_a_response_keeps_its_status_headers_and_body(
    responds: Server, function: str, duck: bool, status: int
) -> None:
    headers = {"Content-Type": "text/x-own", "X-Reason": "é"}
    body = {"in": function, "duck": duck, "status": status, "headers": headers, "body": "why"}
    answer = responds.post(body)
    assert (answer.status_code, answer.text) == (status, "why")
    assert answer.headers["X-Reason"] == "é"
    assert answer.headers["Content-Type"].partition(";")[0] == "text/x-own"


def test_metrics_and_the_access_log_have_the_status_of_a_response(responds: Server) -> None:
    answer = responds.post({"in": "encode", "status": 422}, **{"X-Amzn-SageMaker-Inference-Id": "its-id"})
    assert answer.status_code == 422
    wait_until(
        lambda: [line["status"] for line in responds.access_log() if line["request_id"] == "its-id"] == [422],
        "the access log",
    )
    assert 'longshore_requests_total{status="422"}' in responds.get("/metrics").text


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_by_its_status_has_none(responds: Server, status: int) -> None:
    for _ in range(2):  # the second would read the first's body from the connection
        answer = responds.post({"in": "encode", "status": status, "body": "no"})
        assert (answer.status_code, answer.content) == (status, b"")
        assert "Content-Type" not in answer.headers


def test_headers_of_the_connection_and_of_nginx_are_ours(responds: Server) -> None:
    headers = {
        "Connection": "close, X-Other",
        "Keep-Alive": "timeout=1",
        "Transfer-Encoding": "chunked",
        "Content-Length": "1",
        "Trailer": "X",
        "X-Accel-Redirect": "/ping",
        "X-Accel-Limit-Rate": "1",
        "X-Amzn-SageMaker-Inference-Id": "forged",
        "X-Longshore-Records": "9",
        "X-Kept": "kept",
    }
    answer = responds.post({"in": "encode", "duck": True, "status": 200, "headers": headers, "body": "whole"})
    assert (answer.status_code, answer.text, answer.headers["X-Kept"]) == (200, "whole", "kept")
    assert answer.headers["X-Amzn-SageMaker-Inference-Id"] != "forged"
    assert not {"Keep-Alive", "Transfer-Encoding", "Trailer"} & set(answer.headers)


def test_the_contexts_headers_replace_those_of_a_response(responds: Server) -> None:
    body = {"in": "encode", "status": 200, "headers": {"X-Mine": "a"}, "own": {"x-mine": "b"}}
    assert responds.post(body).headers["X-Mine"] == "b"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"status": 100}, "a response cannot have the status 100"),
        ({"status": 99}, "a response cannot have the status 99"),
        ({"status": 700}, "a response cannot have the status 700"),
        ({"status": "200"}, "a response cannot have the status '200'"),
        ({"headers": {"X-A": "a\r\nSet-Cookie: b"}}, "this cannot be a header of the answer: 'X-A'"),
        ({"headers": {"X A": "a"}}, "this cannot be a header of the answer: 'X A'"),
    ],
)
def test_an_impossible_response_is_a_500_and_the_log_has_the_reason(
    responds: Server, wrong: dict[str, Any], reason: str
) -> None:
    body = {"in": "encode", "duck": True, "status": 200, "headers": {}, "body": "x"} | wrong
    answer = responds.post(body)
    assert (answer.status_code, answer.json()["status"]) == (500, 500)
    assert "Set-Cookie" not in answer.headers
    wait_until(lambda: reason in responds.stderr, "the reason")


def test_an_encode_that_returns_nothing_is_a_500_and_the_log_asks_for_the_return(responds: Server) -> None:
    assert responds.post({"in": "none"}).status_code == 500
    assert "returned None: is a `return` missing?" in responds.stderr


def test_in_a_batch_each_item_has_its_own_response(tmp_path: Path) -> None:
    sent: list[Any] = [418, {}, [0.5], 201]
    with (
        Server(tmp_path, "responds_in_batches", MODEL_SERVER_WORKERS=1) as server,
        ThreadPoolExecutor(len(sent)) as pool,
    ):
        answers = list(pool.map(server.post, sent * 3))
        assert [answer.status_code for answer in answers] == [418, 500, 200, 201] * 3
        assert answers[2].json() == [0.5]
        assert "returned None: is a `return` missing?" in server.stderr


def test_a_predict_that_returns_nothing_is_a_500_and_the_log_asks_for_the_return(tmp_path: Path) -> None:
    with Server(tmp_path, "returns_nothing", MODEL_SERVER_WORKERS=1) as server:
        for accept in ("*/*", "text/csv"):
            assert server.post([1], Accept=accept).status_code == 500
        (line,) = {record["exception"].splitlines()[-1] for record in server.log() if "exception" in record}
        assert "inference.py returned None: is a `return` missing?" in line


def test_output_fn_may_return_any_object_that_the_built_in_encoders_take(tmp_path: Path) -> None:
    with Server(tmp_path, "sagemaker_output_of_objects", MODEL_SERVER_WORKERS=1) as server:
        assert server.post('"dict"', "application/json").json() == {"predictions": [0.5]}
        assert server.post('"list"', "application/json").json() == [1, None]
        assert server.post('"array"', "application/json", Accept="text/csv").text == "0.5\n"
        for name, text in (("pair", "1,2\n"), ("text pair", "1\n")):
            answer = server.post(f'"{name}"', "application/json")
            assert (answer.text, answer.headers["Content-Type"].partition(";")[0]) == (text, "text/csv")
        assert server.post('"response"', "application/json").json() == {"own": 1}
        for name, status in (("unwritable pair", 406), ("object", 500), ("none", 500)):
            assert server.post(f'"{name}"', "application/json").status_code == status
