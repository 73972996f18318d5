"""The lines for CloudWatch, held against the rules of its embedded metric format's specification."""

from __future__ import annotations

import io
import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime import meter_files
from longshore_runtime.serving.emf import Emf, quantile
from longshore_runtime.serving.metrics_page import MetricsPage
from tests.support.gated import gated
from tests.support.server import CHECKOUT, Server, wait_until

COUNTED = {"Requests", "Errors", "Refused", "WorkerRestarts"}
LATENCY = {"LatencyP50", "LatencyP99"}
UNITS = ("Count", "Milliseconds", "Bytes")
DEAD = 2**22 + 1  # more than any pid


def metrics_of(line: str) -> dict[str, float]:
    """What CloudWatch makes of this line, which must conform."""
    document: dict[str, Any] = json.loads(line)
    assert len(line) <= 256_000
    metadata = document["_aws"]
    assert metadata.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(metadata["Timestamp"], int) and abs(metadata["Timestamp"] / 1000 - time.time()) < 600
    (directive,) = metadata["CloudWatchMetrics"]
    assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
    assert directive["Namespace"] == "Our/Models" and directive["Dimensions"] == [[]]
    assert len(directive["Metrics"]) <= 100
    for metric in directive["Metrics"]:
        assert metric.keys() == {"Name", "Unit"} and metric["Unit"] in UNITS
        assert type(document[metric["Name"]]) in (int, float), (
            "a target is a member of the root, and a number"
        )
    names = [metric["Name"] for metric in directive["Metrics"]]
    assert document.keys() == {"_aws", *names} and len(names) == len(set(names))
    return {name: document[name] for name in names}


def lines(server: Server) -> list[str]:
    return [line for line in server.stderr.splitlines() if line.startswith('{"_aws"')]


def test_the_last_line_has_what_was_not_told_yet(tmp_path: Path) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_EMF_NAMESPACE": "Our/Models", "MODEL_SERVER_MAX_QUEUE": 1}
    with gated(tmp_path, **variables, LOG_LEVEL="ERROR") as one:
        waiting = [one.stuck(), one.send("waits")]
        assert one.post("refused").status_code == 503
        one.open()
        assert [request.result().status_code for request in waiting] == [200, 200]
        assert one.post("bad", **{"raise": "KeyError"}).status_code == 500
        one.server.process.send_signal(signal.SIGTERM)
        assert one.server.wait_exit() == 0
        (line,) = lines(one.server)
    found = metrics_of(line)
    assert found.keys() == COUNTED | LATENCY, "no gauges: nothing serves any more"
    assert (found["Requests"], found["Errors"]) == (4, 2)
    assert (found["Refused"], found["WorkerRestarts"]) == (1, 0)
    assert 0 < found["LatencyP50"] <= found["LatencyP99"]


def test_unless_it_is_set_there_are_no_lines(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server:
        server.post([[1]])
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        assert lines(server) == []


@pytest.mark.parametrize("namespace", ["", " ", "AWS/SageMaker", "ours!", "x" * 256])
def test_what_cloudwatch_would_refuse_stops_the_start(tmp_path: Path, namespace: str) -> None:
    with Server(tmp_path, "rowsum", wait=False, MODEL_SERVER_EMF_NAMESPACE=namespace) as server:
        assert server.wait_exit() == 2
        assert "MODEL_SERVER_EMF_NAMESPACE" in server.stderr and "is not allowed" in server.stderr


def test_each_period_has_a_line_with_what_came_since(tmp_path: Path) -> None:
    page, out = MetricsPage(tmp_path, None, list), io.StringIO()
    key = json.dumps(["longshore_requests", "longshore_requests_total", {"status": "200"}, "text"])

    def count(requests: float) -> None:
        made = tmp_path / "made"
        meter_files.write(made, {key: requests})
        made.replace(page.folder / f"counter_{DEAD}.db")

    def told() -> list[float]:
        return [metrics_of(line)["Requests"] for line in out.getvalue().splitlines()]

    count(3)
    emf = Emf("Our/Models", page, out, period_seconds=0.05)
    emf.start()
    wait_until(lambda: sum(told()) == 3 and len(told()) > 2, "three lines")
    count(4)
    emf.end()
    assert sum(told()) == 7
    first = metrics_of(out.getvalue().splitlines()[0])
    assert first.keys() == COUNTED | {"QueueLength", "InFlight", "WorkersReady", "ResidentMemory"}, (
        "no latency"
    )


def test_a_quantile_lies_within_its_bucket() -> None:
    buckets = [(1.0, 0.0), (2.0, 50.0), (4.0, 90.0), (float("inf"), 100.0)]
    assert (quantile(buckets, 0.25), quantile(buckets, 0.5), quantile(buckets, 0.7)) == (1.5, 2.0, 3.0)
    assert quantile(buckets, 0.99) == 4.0, "beyond the last bound nothing is known"
    assert quantile([], 0.5) is quantile([(1.0, 0.0), (float("inf"), 0.0)], 0.5) is None


def test_the_page_names_all_of_them_with_their_units(tmp_path: Path) -> None:
    out = io.StringIO()
    page = MetricsPage(tmp_path, None, list)
    bucket = ["longshore_request_seconds", "longshore_request_seconds_bucket", {"le": "1.0"}, "text"]
    meter_files.write(page.folder / f"histogram_{DEAD}.db", {json.dumps(bucket): 1.0})
    emf = Emf("Our/Models", page, out, period_seconds=0.05)
    emf.start()
    wait_until(out.getvalue, "a line")
    emf.end()
    (directive,) = json.loads(out.getvalue().splitlines()[0])["_aws"]["CloudWatchMetrics"]
    documented: dict[str, str] = {}
    for line in (CHECKOUT / "docs" / "metrics.md").read_text().partition("## Lines")[2].splitlines():
        if line.startswith("| `"):
            names, unit = line.strip("|").split("|")
            documented |= dict.fromkeys(re.findall(r"`(\w+)`", names), unit.strip())
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == documented
