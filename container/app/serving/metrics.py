"""Prometheus metrics, summed over the workers, at /metrics on the serving port (A19).

Each worker counts in files of its own in the folder PROMETHEUS_MULTIPROC_DIR names; whichever worker
is asked adds them all up. No label holds anything a client sends.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

requests = Counter("longshore_requests_total", "Answers to /invocations, by status.", ["status"])
seconds = Histogram(
    "longshore_request_seconds",
    "Time a worker spent on one /invocations, waiting for the model included.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


def page() -> bytes:
    """The sums over all workers in Prometheus's text format."""
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
