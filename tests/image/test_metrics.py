"""/metrics: every metric moves when what it counts happens; neither a death nor a reload takes any away."""

from __future__ import annotations

import http.client
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from app.runners.algorithm import metrics as algorithm_metrics
from app.serving import metrics_page
from tests.support.gated import gated
from tests.support.metrics import Samples, samples
from tests.support.server import CHECKOUT, Server, wait_until

STAGES = ("queue", "decode", "predict", "encode")
RESTARTS = 'longshore_worker_restarts_total{cause="%s"}'


def moved(server: Server, before: Samples, *expected: tuple[str, float]) -> None:
    """Wait until each of these has grown by that much since."""

    def grown() -> bool:
        now = samples(server)
        return all(now[name] - before.get(name, 0) == by for name, by in expected)

    wait_until(grown, f"{expected}, from {[before.get(name) for name, _ in expected]}")


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
    with gated(tmp_path, MODEL_SERVER_TIMEOUT=1) as one:
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


def test_deaths_are_counted_by_cause_and_take_no_counter_and_leave_no_gauge(tmp_path: Path) -> None:
    with Server(tmp_path, "kills_itself", MODEL_SERVER_WORKERS=1) as server:
        folder = metrics_folder(server)
        server.post({})
        files = len(list(folder.glob("*.db")))
        for number, cause in (
            (signal.SIGKILL, "signal"),
            (signal.SIGSEGV, "crash"),
            (signal.SIGKILL, "signal"),
        ):
            before = samples(server)
            assert server.post({"signal": int(number)}).status_code == 502
            moved(server, before, (RESTARTS % cause, 1), ('longshore_requests_total{status="200"}', 0))
            wait_until(lambda: server.post({}).status_code == 200, "the replacement")
        now = samples(server)
        assert now["longshore_requests_in_flight"] == 0, "that of the dead has gone with them"
        assert now['longshore_requests_total{status="200"}'] >= 4
        assert now["longshore_request_seconds_count"] == now['longshore_requests_total{status="200"}']
        assert len(list(folder.glob("*.db"))) <= files, "the files of the dead do not pile up"
        assert now["longshore_workers_ready"] == 1


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


def test_the_answer_for_a_worker_that_dies_is_counted(tmp_path: Path) -> None:
    with Server(tmp_path, "exits", MODEL_SERVER_WORKERS=1) as server:
        before = samples(server)
        assert server.post({"exit": 7}).status_code == 502
        moved(server, before, ('longshore_requests_total{status="502"}', 1))


@pytest.mark.parametrize(
    ("model", "request_body", "cause"), [("hangs", {"hang": True}, "timeout"), ("exits", {"exit": 7}, "exit")]
)
def test_a_time_out_and_an_exit_are_causes_too(
    tmp_path: Path, model: str, request_body: dict[str, int], cause: str
) -> None:
    with Server(tmp_path, model, MODEL_SERVER_WORKERS=1, MODEL_SERVER_TIMEOUT=1) as server:
        before = samples(server)
        server.hang(request_body, lambda: " died: " in server.stderr, "a worker's death")
        moved(server, before, (RESTARTS % cause, 1))


def test_every_end_of_a_worker_has_its_cause() -> None:
    def cause(code: int, timed_out: bool = False, out_of_memory: bool = False) -> str:
        return metrics_page.cause(code, timed_out=timed_out, out_of_memory=out_of_memory)

    found = {
        cause(1, timed_out=True): "timeout",
        cause(-signal.SIGKILL, out_of_memory=True): "oom",
        cause(-signal.SIGBUS): "crash",
        cause(-signal.SIGKILL): "signal",
        cause(3): "exit",
    }
    assert list(found) == list(found.values()) == list(metrics_page.CAUSES)


def test_a_reload_sets_no_counter_back_and_leaves_no_file(tmp_path: Path) -> None:
    server = Server(tmp_path, "version", MODEL_SERVER_WORKERS=2)
    (server.ml_root / "model" / "version").write_text("v1")
    with server:
        wait_until(lambda: samples(server)["longshore_workers_ready"] == 2, "both workers")
        assert [server.post({}).status_code for _ in range(8)] == [200] * 8
        folder, before = metrics_folder(server), samples(server)
        files = len(list(folder.glob("*.db")))
        for times in (1, 2):
            server.process.send_signal(signal.SIGHUP)
            wait_until(
                lambda times=times: server.stderr.count("loaded before has left") == times,
                "the old one's end",
            )
        assert server.post({}).status_code == 200
        moved(
            server,
            before,
            ('longshore_requests_total{status="200"}', 1),
            ("longshore_request_seconds_count", 1),
            ("longshore_workers_ready", 0),
            ("longshore_requests_in_flight", 0),
            *((RESTARTS % cause, 0) for cause in metrics_page.CAUSES),
        )
        assert len(list(folder.glob("*.db"))) <= files
        assert samples(server)["longshore_model_load_seconds"] > 0


def test_the_load_of_a_model_is_told_where_the_master_loads_it(tmp_path: Path) -> None:
    with Server(tmp_path, "loads_for_a_moment", MODEL_SERVER_WORKERS=2) as server:
        seconds = samples(server)["longshore_model_load_seconds"]
        assert seconds >= 0.2
        assert f"the model is loaded once for 2 workers, in {seconds:.2f} s" in server.stderr


def test_metrics_are_answered_while_every_worker_holds_the_interpreter(tmp_path: Path) -> None:
    with Server(tmp_path, "hangs_holding_the_gil", MODEL_SERVER_WORKERS=2) as server:
        wait_until(lambda: samples(server)["longshore_workers_ready"] == 2, "both workers")
        before = samples(server)
        with ThreadPoolExecutor() as pool:
            hung = [pool.submit(server.post, {"hang": True}) for _ in range(2)]
            moved(server, before, ("longshore_requests_in_flight", 2))
            assert samples(server)["longshore_workers_ready"] == 2
            assert not any(request.done() for request in hung)
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)


def test_metrics_are_answered_while_the_server_stops(tmp_path: Path) -> None:
    with gated(tmp_path) as one:
        stuck = one.stuck()
        one.server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: one.server.ping() == 503, "/ping saying 503")
        assert samples(one.server)["longshore_requests_in_flight"] == 1
        one.open()
        assert stuck.result().status_code == 200


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


def metrics_folder(server: Server) -> Path:
    (run_dir,) = server.temporary.glob("longshore-*")
    return metrics_page.folder_of(run_dir)


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
