"""A model that computes for 3 ms and holds the interpreter lock: who waits how long."""

from __future__ import annotations

from pathlib import Path

from bench.load import CSV
from bench.measure import take_turns
from bench.pressure.overload import BUSY, WORKERS
from bench.pressure.results import Results
from bench.servers import CLASSIC, GEVENT, GTHREAD, STOCK

CONNECTIONS = (2, 64)
SERVERS = (CLASSIC, GTHREAD, GEVENT, STOCK)


def measure(results: Results, seconds: int, folder: Path) -> None:
    """Fill results.loads."""
    plan = dict.fromkeys(SERVERS, CONNECTIONS)
    take_turns(results.loads, BUSY, (CSV,), plan, WORKERS, results.rounds, seconds, folder)
