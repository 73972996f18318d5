"""serve from outside: routes, methods, nginx's errors, the access log."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from longshore_runtime.serving import nginx
from tests.support.metrics import samples
from tests.support.server import CHECKOUT, Server, wait_until

PROBLEM = "application/problem+json"
COUNTER = 'longshore_requests_total{status="200"}'


def raw(server: Server, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send these bytes as they are; the answer's status, headers and body."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


def assert_problem(response: requests.Response, status: int) -> dict[str, object]:
    assert response.status_code == status
    assert response.headers["Content-Type"] == PROBLEM
    problem: dict[str, object] = response.json()
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Amzn-SageMaker-Inference-Id"]
    assert len(response.text) <= 2048
    return problem


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ping_is_200_with_an_empty_body_for_get_and_post(describe: Server, method: str) -> None:
    response = requests.request(method, f"{describe.url}/ping", timeout=10)
    assert (response.status_code, response.content) == (200, b"")


def test_any_other_path_is_404_as_json(describe: Server) -> None:
    for path in ("/", "/models", "/invocations/", "/ping/x", "/%00"):
        assert_problem(describe.get(path), 404 if path != "/%00" else 400)


ALLOWED = {
    "/ping": "GET, HEAD, POST",
    "/metrics": "GET, HEAD",
    "/invocations": "OPTIONS, POST",
    "/execution-parameters": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize("path", ALLOWED)
@pytest.mark.parametrize("method", ["DELETE", "TRACE"])
def test_a_method_that_is_not_allowed_is_405_as_json_and_names_those_that_are(
    describe: Server, method: str, path: str
) -> None:
    """TRACE is refused by nginx everywhere, DELETE by the workers where they answer."""
    response = requests.request(method, f"{describe.url}{path}", timeout=10)
    assert_problem(response, 405)
    allowed = ALLOWED[path].split(", ")
    assert sorted(response.headers["Allow"].split(", ")) == allowed
    assert requests.request(allowed[0], f"{describe.url}{path}", timeout=10).status_code < 400
    assert "Allow" not in describe.get("/ping").headers


@pytest.mark.parametrize("path", ["/ping", "/metrics"])
def test_what_the_supervisor_answers_takes_no_other_method_and_any_headers(
    describe: Server, path: str
) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "BREW"):
        assert_problem(requests.request(method, f"{describe.url}{path}", timeout=10), 405)
    many = {f"x-{number}": "x" * 100 for number in range(150)}
    assert describe.get(path, headers=many).status_code == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\n\r\n",
        b"GET /invocations HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
    ],
    ids=["two lengths", "length no number", "no host", "header too large"],
)
def test_a_request_that_is_not_http_is_400_as_json(describe: Server, request_bytes: bytes) -> None:
    status, headers, body = raw(describe, request_bytes)
    assert status == 400
    assert headers["content-type"] == PROBLEM
    assert b'"status":400' in body


def test_a_header_gunicorn_cannot_take_is_400_as_json(describe: Server) -> None:
    """nginx lets a control character pass."""
    request = b"POST /invocations HTTP/1.1\r\nHost: x\r\nX-Odd: a\x01b\r\nContent-Length: 2\r\n\r\n{}"
    status, headers, body = raw(describe, request)
    assert (status, headers["content-type"]) == (400, PROBLEM)
    assert b"X-ODD" in body.upper()
    problem = json.loads(body)
    assert problem["request_id"] == headers["x-amzn-sagemaker-inference-id"]
    assert "x-longshore-unreadable" not in headers


@pytest.mark.parametrize(
    "line", [b"A /invocations HTTP/1.1", b"POST /invocations?\xff\xfe HTTP/1.1"], ids=["method", "query"]
)
def test_a_400_of_the_workers_own_parser_has_the_requests_id(describe: Server, line: bytes) -> None:
    status, headers, body = raw(describe, line + b"\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    assert (status, headers["content-type"]) == (400, PROBLEM)
    problem = json.loads(body)
    assert problem["detail"].startswith("The request cannot be read: Invalid HTTP ")
    assert problem["request_id"] == headers["x-amzn-sagemaker-inference-id"]


def test_a_line_that_nginx_takes_is_taken_by_the_worker(describe: Server) -> None:
    line = b"POST /invocations?" + b"a" * 8000 + b" HTTP/1.1"
    assert raw(describe, line + b"\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")[0] in (200, 415)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/%69nvocations",
            "//invocations",
            "/./invocations",
            "/x/../invocations",
            "/ping/%2e%2e/invocations",
        ),
        *("/invocations#fragment", "/invocations/", "/INVOCATIONS", "//ping", "/p%69ng", "//metrics"),
        *("/%6detrics", "/./metrics", "//execution-parameters", "/%65xecution-parameters"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_spelling_of_a_path_is_404(describe: Server, method: str, path: str) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    status, headers, _ = raw(describe, request.encode())
    assert (status, headers["content-type"]) == (404, PROBLEM)


@pytest.mark.parametrize(
    "target", ["/ping?x=1", "http://host/ping", "/metrics?x", "/execution-parameters?a=b"]
)
def test_a_query_and_an_absolute_address_are_the_same_path(describe: Server, target: str) -> None:
    assert raw(describe, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[0] == 200


@pytest.mark.parametrize("line", ["POST /nowhere", "PUT /ping", "POST /metrics", "POST /%69nvocations"])
@pytest.mark.parametrize("chunks", [b'5\n"abc"\r\n0\r\n\r\n', b"z\r\n"], ids=["bare line feed", "no length"])
def test_an_error_within_an_error_is_json_too(describe: Server, line: str, chunks: bytes) -> None:
    head = f"{line} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    status, headers, body = raw(describe, head + chunks)
    assert (status, headers["content-type"]) == (400, PROBLEM)
    assert json.loads(body)["request_id"] == headers["x-amzn-sagemaker-inference-id"]


@pytest.mark.parametrize("path", ["/invocations", "/nowhere"])
@pytest.mark.parametrize("coding", ["cow", ":Chunked"])
def test_a_body_too_large_of_an_unknown_coding_is_an_error_as_json(
    describe: Server, path: str, coding: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4294967301\r\nTransfer-Encoding: {coding}"
    status, headers, _ = raw(describe, f"{head}\r\n\r\n".encode())
    assert status in (400, 413)
    assert headers["content-type"] == PROBLEM


def test_an_answer_carries_the_callers_inference_id(describe: Server) -> None:
    response = describe.post({}, X_Amzn_SageMaker_Inference_Id="my id/42")
    assert response.headers["X-Amzn-SageMaker-Inference-Id"] == "my id/42"


@pytest.mark.parametrize("sent", [None, "x" * 65, 'a"b', "a\\b", ""])
def test_without_a_usable_inference_id_a_new_one_is_made(describe: Server, sent: str | None) -> None:
    headers = {} if sent is None else {"X_Amzn_SageMaker_Inference_Id": sent}
    made = describe.post({}, **headers).headers["X-Amzn-SageMaker-Inference-Id"]
    assert len(made) == 32 and made != sent


def test_nginx_errors_carry_the_inference_id_too(describe: Server) -> None:
    response = describe.get("/nowhere", headers={"X-Amzn-SageMaker-Inference-Id": "mine"})
    assert assert_problem(response, 404)["request_id"] == "mine"


def test_a_request_is_one_json_line_of_the_access_log_and_a_healthy_ping_is_none(describe: Server) -> None:
    describe.ping()
    describe.post([[1, 2], [3, 4]], X_Amzn_SageMaker_Inference_Id="logged-once")
    lines = wait_until(
        lambda: [line for line in describe.access_log() if line["request_id"] == "logged-once"], "the line"
    )
    (line,) = lines
    assert (line["method"], line["path"], line["status"], line["records"]) == ("POST", "/invocations", 200, 2)
    assert line["answer_bytes"] > 0 and line["seconds"] >= 0
    assert not [line for line in describe.access_log() if (line["path"], line["status"]) == ("/ping", 200)]


def test_a_path_that_is_not_printable_cannot_break_the_access_log(describe: Server) -> None:
    raw(describe, b'GET /\xff\xfe"x HTTP/1.1\r\nHost: x\r\nX-Amzn-SageMaker-Inference-Id: odd-path\r\n\r\n')
    wait_until(lambda: [x for x in describe.access_log() if x["request_id"] == "odd-path"], "the line")


def test_internal_headers_do_not_reach_the_client(describe: Server) -> None:
    assert not [name for name in describe.post({}).headers if "longshore" in name.lower()]


def answering(server: Server, requests_at_once: int) -> Counter[int]:
    """How many of these requests each worker answered, by its pid; none before all are there."""
    all_there = server.ml_root / "model" / "all_there"
    all_there.unlink(missing_ok=True)
    with ThreadPoolExecutor(requests_at_once) as pool:
        try:
            sent = [pool.submit(server.post, {"until": str(all_there)}) for _ in range(requests_at_once)]
            wait_until(lambda: samples(server)["longshore_requests_in_flight"] == len(sent), "all requests")
        finally:
            all_there.touch()
        return Counter(response.result().json()["pid"] for response in sent)


def test_requests_go_to_the_worker_with_the_fewest(describe: Server) -> None:
    """Kept connections do not pin them to one; see the note in nginx.conf."""
    wait_until(lambda: len(answering(describe, 2)) == 2, "both workers serving")
    for _ in range(5):
        assert sorted(answering(describe, 4).values()) == [2, 2]


def test_metrics_count_the_answers_of_all_workers(describe: Server) -> None:
    def answers() -> float:
        lines = describe.get("/metrics").text.splitlines()
        return sum(float(x.split()[-1]) for x in lines if x.startswith(COUNTER))

    wait_until(lambda: len(answering(describe, 2)) == 2, "both workers serving")
    before = answers()
    assert len(answering(describe, 16)) == 2
    assert answers() == before + 16


def test_execution_parameters_keep_the_product_rule(describe: Server) -> None:
    parameters = describe.get("/execution-parameters").json()
    assert parameters == {"MaxConcurrentTransforms": 2, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}


def test_library_threads_are_set_for_each_worker(describe: Server) -> None:
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert describe.post({}).json()["threads"] == str(share)


def test_a_body_without_a_length_is_served(describe: Server) -> None:
    chunks = (part for part in (b"[1,", b"2]"))
    headers = {"Content-Type": "application/json"}
    response = requests.post(f"{describe.url}/invocations", data=chunks, headers=headers, timeout=30)
    assert response.json()["value"] == [1, 2]


def test_unknown_headers_and_the_longest_known_ones_are_taken(describe: Server) -> None:
    longest = {  # A14
        "Content-Type": "application/json; x=" + "x" * 1000,
        "Accept": "application/json, " + "text/plain, " * 80,
        "X-Amzn-SageMaker-Custom-Attributes": "c" * 1024,
        "X-Amzn-SageMaker-Target-Model": "m" * 1024,
        "X-Amzn-SageMaker-Session-Id": "s" * 256,
        "X-Amzn-SageMaker-Inference-Id": "i" * 64,
        "X-Some-Header-Of-Tomorrow": "t" * 1024,
    }
    response = requests.post(f"{describe.url}/invocations", data=b"{}", headers=longest, timeout=30)
    assert response.status_code == 200
    assert response.headers["X-Amzn-SageMaker-Custom-Attributes"] == "got " + "c" * 1020


def test_nginx_conf_passes_nginx_t_as_it_stands(tmp_path: Path) -> None:
    command = [nginx.program(), "-t", "-p", f"{tmp_path}/", "-c", str(CHECKOUT / "nginx.conf")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_a_body_above_the_limit_is_413_and_names_the_variable(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_MAX_PAYLOAD_MB=1, MODEL_SERVER_WORKERS=1) as server:
        refused = server.post(b"1," * (600 * 1024), "text/csv")
        assert "1 MB, the limit set by MODEL_SERVER_MAX_PAYLOAD_MB" in str(
            assert_problem(refused, 413)["detail"]
        )
        assert server.post(b"1,1\n", "text/csv").status_code == 200
