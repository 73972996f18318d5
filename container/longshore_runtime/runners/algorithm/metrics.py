"""The algorithm runner's counts and times, for /metrics. No label holds anything a client sends."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

tasks = Counter("longshore_tasks_total", "Tasks that have ended, by the reason in their result.", ["reason"])
answered = Counter(
    "longshore_tasks_answered_total", "Tasks answered from their result file, without running."
)
running = Gauge("longshore_tasks_running", "Tasks that run now.", multiprocess_mode="livesum")
progress = Gauge(
    "longshore_task_progress",
    "How far the task in each place has come, from 0 to 1, as its program tells.",
    ["place"],
    multiprocess_mode="livemax",
)
stage_seconds = Histogram(
    "longshore_task_stage_seconds",
    "Time tasks spent in each stage.",
    ["stage"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600),
)
stored_bytes = Counter("longshore_task_stored_bytes_total", "Bytes of outputs stored.")
fetched_bytes = Counter("longshore_task_fetched_bytes_total", "Bytes of inputs fetched.")
