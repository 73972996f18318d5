"""More requests than can be answered, and /ping while everybody computes: an open-loop client beside wrk."""

from __future__ import annotations

from pathlib import Path

from bench import load
from bench.load import CSV
from bench.measure import say, side_by_side
from bench.pressure.client import Client
from bench.pressure.results import Results, Step
from bench.servers import CLASSIC

BUSY = "busy"
WORKERS = 2
CONNECTIONS = 64
FACTORS = (0.5, 1.0, 1.5, 2.0, 3.0)
PINGS_A_SECOND = 100


def measure(results: Results, seconds: int, folder: Path) -> None:
    """Fill results.pings and results.steps."""
    names = (CLASSIC, results.default_class)
    with side_by_side(names, BUSY, WORKERS, (CSV,), folder) as servers:
        for _ in range(results.rounds):
            for server in servers:
                # A connection of its own for each ping: nothing but the server can make it wait.
                with Client(server, PINGS_A_SECOND, seconds, ping=True, keep=False) as client:
                    load.put(server, CSV, CONNECTIONS, seconds, folder)
                    flow = client.flow()
                say(f"ping, {server.name}: p99 {flow.p99_ms:.1f} ms, {flow.kinds}")
                results.pings[server.name].append(flow)
                capacity = load.put(server, CSV, CONNECTIONS, seconds, folder).per_second
                for factor in FACTORS:
                    with Client(server, factor * capacity, seconds) as client:
                        flow = client.flow()
                    say(
                        f"{factor} x {capacity:.0f}/s, {server.name}: {flow.per_second:.0f}/s,"
                        f" p99 {flow.p99_ms:.0f} ms, refused p99 {flow.refused_p99_ms:.0f} ms,"
                        f" late p99 {flow.late_p99_ms:.1f} ms, {flow.kinds}"
                    )
                    results.steps.append(Step(server.name, factor, capacity, flow))
