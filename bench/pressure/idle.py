"""What a server costs while nobody asks it anything."""

from __future__ import annotations

import time
from pathlib import Path

from bench.load import CSV
from bench.measure import ROW_SUM, say, side_by_side
from bench.pressure.results import Results
from bench.processes import exact_cpu_seconds
from bench.servers import CLASSIC

_SETTLE_SECONDS = 6  # nginx closes its idle connections to the workers after 5


def measure(results: Results, seconds: float, folder: Path) -> None:
    """Fill results.idle: both servers idle side by side, after some load."""
    with side_by_side((CLASSIC, results.default_class), ROW_SUM, 2, (CSV,), folder) as servers:
        time.sleep(_SETTLE_SECONDS)
        before = [exact_cpu_seconds(server.pid) for server in servers]
        began = time.monotonic()
        time.sleep(seconds)
        results.idle_seconds = time.monotonic() - began
        for server, was in zip(servers, before, strict=True):
            used = (exact_cpu_seconds(server.pid) - was) / results.idle_seconds
            say(f"idle, {server.name}: {used:.2%} of a core")
            results.idle[server.name] = used
