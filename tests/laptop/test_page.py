"""The page's paths without a browser: who may ask, and what the numbers say."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from longshore.emulator.hosting.latency import Latency
from tests.support.emulator import EmulatorProcess
from tests.support.server import PATIENCE

INVOKE = "/_longshore/invoke"


def ask(emulator: EmulatorProcess, path: str, method: str = "GET", **options: Any) -> requests.Response:
    return requests.request(method, emulator.address + path, timeout=PATIENCE, **options)


@pytest.mark.parametrize("path", ["/", "/_longshore/page.js", "/_longshore/overview", "/_longshore/emulator"])
def test_the_page_answers_under_its_own_name_alone(emulator: EmulatorProcess, path: str) -> None:
    port = emulator.address.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
        assert ask(emulator, path, headers={"Host": host}).status_code == 200
    for host in (f"evil.example:{port}", "127.0.0.1", "localhost:1", f"localhost.evil.example:{port}"):
        refused = ask(emulator, path, headers={"Host": host})
        assert refused.status_code == 403 and emulator.address in refused.text


def test_nothing_of_other_origins_runs_in_the_page(emulator: EmulatorProcess) -> None:
    for path in ("/", "/_longshore/overview"):
        headers = ask(emulator, path).headers
        policy = headers["Content-Security-Policy"]
        assert (
            "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert not any(name.lower().startswith("access-control-") for name in headers)


def test_the_form_takes_json_of_its_own_origin_alone(emulator: EmulatorProcess) -> None:
    request = {"endpoint": "nobody", "body": base64.b64encode(b"x").decode()}
    own = ask(emulator, INVOKE, "POST", json=request, headers={"Origin": emulator.address})
    assert own.status_code == 200 and own.json()["status"] == "400 Bad Request"
    assert "Endpoint nobody of account 123456789012 not found." in own.json()["text"]
    for origin in ("http://evil.example", "null", "https://127.0.0.1"):
        foreign = ask(emulator, INVOKE, "POST", json=request, headers={"Origin": origin})
        assert foreign.status_code == 403
    assert ask(emulator, INVOKE, "POST", data="{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert ask(emulator, INVOKE).status_code == 405


def test_pages_of_other_origins_cannot_use_sagemaker(emulator: EmulatorProcess) -> None:
    target = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}
    assert ask(emulator, "/", "POST", data="{}", headers=target).status_code == 200
    for origin in ("http://evil.example", f"http://evil.example:{emulator.address.rpartition(':')[2]}"):
        foreign = {**target, "Origin": origin}
        assert ask(emulator, "/", "POST", data="{}", headers=foreign).status_code == 403
        invoked = ask(emulator, "/endpoints/a/invocations", "POST", data="x", headers={"Origin": origin})
        assert invoked.status_code == 403 and invoked.json()["__type"] == "AccessDeniedException"


@pytest.mark.parametrize(
    "request_",
    [[], {"endpoint": 1}, {"body": "no base64!"}, {"accept": "a\r\nHost: b"}, {"contentType": "ü"}],
)
def test_what_the_form_would_not_send_is_a_400(emulator: EmulatorProcess, request_: Any) -> None:
    assert ask(emulator, INVOKE, "POST", json=request_).status_code == 400


@pytest.mark.parametrize(
    "query", ["", "?kind=model&name=a", "?kind=endpoint", "?kind=nothing&name=a", "?name=a"]
)
def test_a_detail_of_nothing_is_a_400(emulator: EmulatorProcess, query: str) -> None:
    assert ask(emulator, f"/_longshore/detail{query}").status_code == 400


def test_other_methods_and_paths_are_left_to_aws(emulator: EmulatorProcess) -> None:
    assert ask(emulator, "/", "POST", data={"Action": "GetCallerIdentity"}).status_code != 405
    assert ask(emulator, "/no-such-bucket/key").status_code in (403, 404)
    assert ask(emulator, "/_longshore/nothing").status_code in (403, 404)


def test_latency_counts_what_is_recent_and_kept() -> None:
    latency = Latency()
    assert latency.summary("a")["count"] == 0 and latency.summary("a")["p50"] is None
    for milliseconds in range(1, 101):
        latency.add("a", milliseconds, 424 if milliseconds % 10 == 0 else 200)
    latency.add("b", 7, 200)
    told = latency.summary("a")
    assert (told["count"], told["errors"], told["seconds"]) == (100, 10, 300)
    assert (told["p50"], told["p90"], told["p99"]) == (50, 90, 99)
    assert sum(slot["count"] for slot in told["slots"]) == 100 and told["slots"][-1]["slowest"] == 100
    for _ in range(20_000):
        latency.add("a", 1, 200)
    told = latency.summary("a")
    assert told["count"] == 5000 and told["errors"] == 0 and told["seconds"] < 300
    latency.forget("a")
    assert latency.summary("a")["count"] == 0 and latency.summary("b")["count"] == 1
