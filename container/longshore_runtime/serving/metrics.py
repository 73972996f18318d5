"""What a worker counts of each /invocations, whatever the runner. No label holds anything a client sends.

The workers' numbers are added up, and completed by those the supervisor knows, in metrics_page.py.
"""

from __future__ import annotations

import prometheus_client

from longshore_runtime import contract, meters
from longshore_runtime.meters import Counter, Gauge, Histogram
from longshore_runtime.serving import tallies

_REQUESTS = "longshore_requests"
_REQUESTS_TEXT = "Answers to /invocations, by status."
# Those that we give, and those of nginx, which are added to them. A model may give others.
_by_status = {
    status: Counter(_REQUESTS, _REQUESTS_TEXT, {"status": str(status)})
    for status in sorted({200, 204, 400, 406, 415, 422, contract.CLIENT_GONE, 500, 503, *tallies.OWN})
}
_other_statuses = prometheus_client.Counter(_REQUESTS, _REQUESTS_TEXT, ["status"])
_seconds = Histogram(
    "longshore_request_seconds",
    "Time from having the whole of an /invocations to its answer, waiting included.",
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
_in_flight = Gauge("longshore_requests_in_flight", "Requests to /invocations that are being answered.")


def begin() -> None:
    """A request has been read."""
    with meters.lock:
        _in_flight.add(1.0)


def end(status: int, seconds: float) -> None:
    """It has its answer, so many seconds after it had come."""
    counter = _by_status.get(status)
    with meters.lock:
        _in_flight.add(-1.0)
        _seconds.observe(seconds)
        if counter is not None:
            counter.add()
    if counter is None:
        _other_statuses.labels(status).inc()
