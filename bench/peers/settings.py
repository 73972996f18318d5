"""What each of the other servers is told, in words for the page. The documentation of each has the rest."""

from __future__ import annotations

SETTINGS = {
    "FastAPI": (
        "Two uvicorns with httptools and uvloop, each on a unix socket of its own; nginx gives a request to"
        " the one with fewer, as to Longshore's workers. An `async` handler takes the raw body, and calls"
        " the model in the event loop."
    ),
    "LitServe": (
        "`workers_per_device=2`, an API server for each of them (the default), `fast_queue=True`,"
        " `max_batch_size=32`, `batch_timeout=0.001`. Not 0: its workers would spin."
    ),
    "BentoML": (
        "`workers=2`, `batchable=True`, `max_batch_size=64`, `max_latency_ms` as it comes (60,000): how long"
        " a batch waits is learned. uvloop and httptools are installed, which uvicorn then takes."
    ),
    "MLServer": "`parallel_workers=2`, `max_batch_size=32`, `max_batch_time=0.001`, uvloop.",
    "Ray Serve": (
        "`num_replicas=2`, `max_ongoing_requests=64`, `max_batch_size=32`,"
        " `batch_wait_timeout_s=0.005` (with 0 its batches stay at one where a device computes), the"
        " model in a thread, so that a replica goes on reading; `RAY_SERVE_THROUGHPUT_OPTIMIZED=1` and"
        " `RAY_SERVE_ENABLE_HA_PROXY=1`. What it would have open to all addresses listens on loopback here."
    ),
}
