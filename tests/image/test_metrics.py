"""/metrics: every metric moves when what it counts happens, and the page says what docs/metrics.md does."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from longshore_runtime.runners.algorithm import metrics as algorithm_metrics
from longshore_runtime.serving import metrics_page
from tests.support.gated import gated
from tests.support.metrics import moved, samples
from tests.support.raw_http import statuses, until_closed
from tests.support.server import CHECKOUT, Server, wait_until

STAGES = ("queue", "decode", "predict", "encode")


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_an_answer_is_counted_by_status_and_stage(tmp_path: Path, worker_class: str) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 2, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with Server(tmp_path, "sums_or_refuses", **variables) as server:
        wait_until(lambda: samples(server)["longshore_workers_ready"] == 2, "both workers")
        before = samples(server)
        assert before["longshore_workers_resident_memory_bytes"] > 2 * 10_000_000
        assert [server.post([[1, 2]]).status_code for _ in range(20)] == [200] * 20
        moved(
            server,
            before,
            ('longshore_requests_total{status="200"}', 20),
            ("longshore_request_seconds_count", 20),
            ('longshore_request_seconds_bucket{le="+Inf"}', 20),
            ("longshore_batch_size_count", 20),
            ("longshore_batch_size_sum", 20),
            *((f'longshore_stage_seconds_count{{stage="{stage}"}}', 20) for stage in STAGES),
            ("longshore_requests_in_flight", 0),
        )
        after = samples(server)
        sums = [f'longshore_stage_seconds_sum{{stage="{stage}"}}' for stage in STAGES]
        spent = sum(after[name] - before[name] for name in sums)
        assert 0 < spent <= after["longshore_request_seconds_sum"] - before["longshore_request_seconds_sum"]
        assert [server.post("{", "application/json").status_code, server.post([["x"]]).status_code] == [
            400,
            422,
        ]
        moved(
            server,
            after,
            ('longshore_requests_total{status="400"}', 1),
            ('longshore_requests_total{status="422"}', 1),
            ('longshore_stage_seconds_count{stage="decode"}', 1),
            ('longshore_stage_seconds_count{stage="predict"}', 1),
            ('longshore_stage_seconds_count{stage="encode"}', 0),
        )


def test_the_queue_and_what_it_refuses_are_counted(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_MAX_QUEUE=2) as one:
        before = samples(one.server)
        stuck = one.stuck()
        moved(one.server, before, ("longshore_requests_in_flight", 1), ("longshore_queue_length", 0))
        leaves = http.client.HTTPConnection("127.0.0.1", one.server.port)
        headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Inference-Id": "leaves"}
        leaves.request("POST", "/invocations", b'{"name": "leaves"}', headers)
        wait_until(lambda: "leaves" in one.decoded(), "the request")
        stays = one.send("stays")
        moved(one.server, before, ("longshore_requests_in_flight", 3), ("longshore_queue_length", 2))
        assert one.post("one too many").status_code == 503
        moved(one.server, before, ('longshore_refused_total{reason="full"}', 1))
        leaves.close()
        wait_until(lambda: '"request_id":"leaves"' in one.server.stdout, "nginx noticing")
        one.open()
        assert [stuck.result().status_code, stays.result().status_code] == [200, 200]
        moved(
            one.server,
            before,
            ('longshore_refused_total{reason="gone"}', 1),
            ('longshore_refused_total{reason="full"}', 1),
            ('longshore_refused_total{reason="late"}', 0),
            ('longshore_requests_total{status="499"}', 1),
            ('longshore_requests_total{status="503"}', 1),
            ("longshore_requests_in_flight", 0),
            ("longshore_queue_length", 0),
        )


def test_what_expires_in_the_queue_is_counted_as_late(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_TIMEOUT=2) as one:
        before = samples(one.server)
        one.stuck()
        assert one.send("expired").result().status_code == 503
        moved(
            one.server,
            before,
            ('longshore_refused_total{reason="late"}', 1),
            ('longshore_stage_seconds_count{stage="queue"}', 1),
            ('longshore_stage_seconds_count{stage="predict"}', 0),
        )


def test_a_batch_is_counted_with_its_size(tmp_path: Path) -> None:
    with gated(tmp_path, "gated_batches") as one:
        before = samples(one.server)
        sent = [one.stuck(), *(one.send(name) for name in "abc")]
        one.open()
        assert [request.result().status_code for request in sent] == [200] * 4
        moved(
            one.server,
            before,
            ("longshore_batch_size_count", 2),
            ("longshore_batch_size_sum", 4),
            ('longshore_batch_size_bucket{le="1.0"}', 1),
            ('longshore_batch_size_bucket{le="4.0"}', 2),
            ('longshore_stage_seconds_count{stage="predict"}', 4),
        )


def test_what_nginx_answers_itself_is_counted_and_a_client_names_no_status(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"MODEL_SERVER_TIMEOUT": 1, "MODEL_SERVER_MAX_PAYLOAD_MB": 1}
    with Server(tmp_path, "hangs", MODEL_SERVER_WORKERS=1, **limits) as server:
        before = samples(server)
        assert server.post({"hang": True}).status_code == 504
        wait_until(lambda: server.stderr.count("has loaded in") == 2, "the replacement")
        assert server.post(b"x" * (2**20 + 1)).status_code == 413
        assert server.get("/nothing?502 /invocations").status_code == 404
        for status, times in ((504, 1), (413, 1), (502, 0), (200, 0)):
            moved(server, before, (f'longshore_requests_total{{status="{status}"}}', times))
        assert [line["status"] for line in server.access_log()].count(504) == 1


def test_what_is_no_request_to_the_model_is_not_counted_but_has_a_line_in_the_access_log(
    tmp_path: Path,
) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server:
        before = samples(server)
        assert server.get("/invocations").status_code == 405
        assert requests.options(f"{server.url}/invocations", timeout=10).status_code == 200
        unreadable = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"
        assert statuses(until_closed(server, unreadable)) == [400]
        assert server.post(b"1,2\n", "text/csv").status_code == 200
        moved(server, before, ('longshore_requests_total{status="200"}', 1))
        counted = {name: value for name, value in samples(server).items() if "requests_total" in name}
        assert sum(counted.values()) == 1
        lines = [line for line in server.access_log() if line["path"] not in ("/ping", "/metrics")]
        assert [line["status"] for line in lines] == [405, 200, 400, 200]


def test_the_answer_for_a_worker_that_dies_is_counted(tmp_path: Path) -> None:
    with Server(tmp_path, "exits", MODEL_SERVER_WORKERS=1) as server:
        before = samples(server)
        assert server.post({"exit": 7}).status_code == 502
        moved(server, before, ('longshore_requests_total{status="502"}', 1))


def test_only_a_get_is_answered_and_a_query_does_not_matter(describe: Server) -> None:
    assert requests.post(f"{describe.url}/metrics", timeout=10).status_code == 405
    answer = describe.get("/metrics?name[]=x")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, metrics_page.CONTENT_TYPE)


def test_an_answer_says_how_long_each_stage_took(describe: Server) -> None:
    def timing(response: requests.Response) -> dict[str, float]:
        parts = [part.split(";dur=") for part in response.headers["Server-Timing"].split(", ")]
        return {name: float(milliseconds) for name, milliseconds in parts}

    told = timing(describe.post({"nap": 0.2}))
    assert told.keys() == {*STAGES, "total"}
    assert told["predict"] >= 200
    assert told["total"] >= told["queue"] + told["decode"] + told["predict"] + told["encode"] - 0.01
    assert timing(describe.post("{", "application/json")).keys() == {"total"}
    assert timing(describe.post(b"")).keys() == {"total"}


def test_the_page_of_the_metrics_is_the_codes_own(tmp_path: Path) -> None:
    documented = {}
    for line in (CHECKOUT / "docs" / "metrics.md").read_text().splitlines():
        if line.startswith("| `longshore_"):
            name, kind, label, text = (cell.strip().strip("`") for cell in line.strip("|").split("|"))
            documented[name] = (kind, label, text)
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server:
        page = server.get("/metrics").text
    of_tasks = [m for m in vars(algorithm_metrics).values() if isinstance(m, Counter | Gauge | Histogram)]
    families = [*text_string_to_metric_families(page), *(found for m in of_tasks for found in m.collect())]
    labels = {"longshore_tasks": "reason", "longshore_task_progress": "place"}
    labels["longshore_task_stage_seconds"] = "stage"  # as long as no task has run
    found = {}
    for family in families:
        names = {name for sample in family.samples for name in sample.labels} - {"le"}
        (label,) = names or {labels.get(family.name, "")}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = (family.type, label, family.documentation)
    assert found == documented
