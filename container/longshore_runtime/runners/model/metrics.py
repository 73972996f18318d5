"""The model runner's counts and times, for /metrics. No label holds anything a client sends."""

from __future__ import annotations

from collections.abc import Mapping

from longshore_runtime import meters
from longshore_runtime.meters import Counter, Gauge, Histogram

_SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05)
_LONG = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STAGES = {
    stage: Histogram(
        "longshore_stage_seconds",
        "Time requests spent in each stage.",
        (*_SHORT, *_LONG),
        {"stage": stage},
    )
    for stage in ("queue", "decode", "predict", "encode")
}
_batch_size = Histogram(
    "longshore_batch_size",
    "Requests in each call of the model.",
    (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000),
)
_queue_length = Gauge("longshore_queue_length", "Requests that wait for the model now.")
_refused = {
    reason: Counter("longshore_refused", "Requests that were not computed, by reason.", {"reason": reason})
    for reason in ("full", "late", "gone")
}


def queue_length(length: int) -> None:
    """So many requests wait now. From one thread at a time."""
    _queue_length.set(length)


def refused(reason: str) -> None:
    """A request is not computed: the queue is full, its answer is or would be late, its client has gone."""
    with meters.lock:
        _refused[reason].add()


def observe_stages(stages: Mapping[str, float]) -> None:
    """A request has been through these stages, so many seconds each."""
    with meters.lock:
        for stage, seconds in stages.items():
            _STAGES[stage].observe(seconds)


def observe_batch(size: int) -> None:
    """The model has been called with so many requests."""
    with meters.lock:
        _batch_size.observe(size)
