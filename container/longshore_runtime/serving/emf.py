"""The metrics as lines of the log from which CloudWatch makes metrics of its own: its embedded metric format.

One JSON object a line, with a member `_aws` that says which other members are metrics. CloudWatch computes no
percentiles from a histogram, so that they are estimated here, within a bucket by a straight line.
"""

from __future__ import annotations

import itertools
import json
import math
import threading
import time
from collections.abc import Callable
from typing import TextIO

from longshore_runtime import logs
from longshore_runtime.serving.metrics_page import MetricsPage

log = logs.get("metrics")

PERIOD_SECONDS = 60.0
# A sample's name and labels.
_Key = tuple[str, tuple[tuple[str, str], ...]]


class Emf:
    """Writes a line every period, and one at the end. Counts are those since the line before."""

    def __init__(
        self, namespace: str, page: MetricsPage, out: TextIO, period_seconds: float = PERIOD_SECONDS
    ) -> None:
        self._namespace = namespace
        self._page = page
        self._out = out
        self._period_seconds = period_seconds
        self._before: dict[_Key, float] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emf", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Write the last line: what was counted since the one before. Nothing serves any more."""
        self._ending.set()
        self._thread.join()
        self._write(serving=False)

    def _run(self) -> None:
        while not self._ending.wait(self._period_seconds):
            self._write(serving=True)

    def _write(self, *, serving: bool) -> None:
        try:
            line = json.dumps(self._document(serving=serving))
            self._out.write(f"{line}\n")  # in one go: the workers write there, too
            self._out.flush()
        except Exception:  # a full disk, a damaged file: the next line has what this one lacks
            log.exception("the line for CloudWatch could not be written")

    def _document(self, *, serving: bool) -> dict[str, object]:
        samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for metric in self._page.collect()
            for sample in metric.samples
        }
        since = {key: value - self._before.get(key, 0.0) for key, value in samples.items()}
        self._before = samples

        def count(name: str, which: Callable[[dict[str, str]], bool] = lambda _: True) -> float:
            return sum(v for (found, labels), v in since.items() if found == name and which(dict(labels)))

        metrics = {
            "Requests": (count("longshore_requests_total"), "Count"),
            "Errors": (count("longshore_requests_total", lambda has: has["status"] >= "500"), "Count"),
            "Refused": (count("longshore_refused_total"), "Count"),
            "WorkerRestarts": (count("longshore_worker_restarts_total"), "Count"),
        }
        buckets = sorted(
            (float(dict(labels)["le"]), value)
            for (name, labels), value in since.items()
            if name == "longshore_request_seconds_bucket"
        )
        for name, share in (("LatencyP50", 0.5), ("LatencyP99", 0.99)):
            if (seconds := quantile(buckets, share)) is not None:
                metrics[name] = (seconds * 1000, "Milliseconds")
        if serving:
            for name, sample, unit in (
                ("QueueLength", "longshore_queue_length", "Count"),
                ("InFlight", "longshore_requests_in_flight", "Count"),
                ("WorkersReady", "longshore_workers_ready", "Count"),
                ("ResidentMemory", "longshore_workers_resident_memory_bytes", "Bytes"),
            ):
                metrics[name] = (samples.get((sample, ()), 0.0), unit)
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [[]],
            "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
        }
        return {
            "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
            **{name: value for name, (value, _) in metrics.items()},
        }


def quantile(buckets: list[tuple[float, float]], share: float) -> float | None:
    """The value below which this share lies; None of nothing.

    buckets: each bound, the last one infinite, and how many values were at most that. What lies beyond the
    last finite bound counts as that.
    """
    if not buckets or buckets[-1][1] <= 0:
        return None
    rank = share * buckets[-1][1]
    for (low, below), (high, up_to) in itertools.pairwise([(0.0, 0.0), *buckets]):
        if up_to >= rank and up_to > below:
            return low if math.isinf(high) else low + (high - low) * (rank - below) / (up_to - below)
    return None
