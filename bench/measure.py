"""What is measured, in which order.

The machine is never the same twice: a neighbour wakes up, a clock slows down. So the servers that are
compared run side by side and take turns, A B A B, a few seconds each, and the median of the rounds
counts. A server whose turn it is not waits in epoll and costs nothing. Start and memory are taken with
one server up at a time, because two that are up at once share pages, and PSS would halve them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import load, memory
from bench.load import CSV, JSON, Body, Load
from bench.results import Case, Results
from bench.servers import CLASSIC, GEVENT, GTHREAD, STOCK, Server, running

CONNECTIONS = (1, 8, 64)
ROW_SUM = "rowsum"


@dataclass(frozen=True)
class Extent:
    """How long a run takes: rounds of each case and of each start, seconds of load a round."""

    rounds: int
    seconds: int
    starts: int


FULL = Extent(rounds=3, seconds=3, starts=5)
QUICK = Extent(rounds=1, seconds=1, starts=1)


def everything(results: Results, extent: Extent, folder: Path) -> None:
    """Fill results with starts, memory and loads."""
    ours = results.default_class
    other = GEVENT if ours == GTHREAD else GTHREAD
    for workers in (1, 2):
        _starts(results, (CLASSIC, ours), workers, extent, folder)
    if results.no_load:
        return
    for workers in (1, 2):
        plan: dict[str, tuple[int, ...]] = {CLASSIC: CONNECTIONS, ours: CONNECTIONS}
        if workers == 2:  # the other class is compared where it matters: with workers that are kept busy
            plan[other] = plan[STOCK] = (8, 64)
        take_turns(results.loads, ROW_SUM, (CSV, JSON), plan, workers, extent.rounds, extent.seconds, folder)


def _starts(results: Results, names: Iterable[str], workers: int, extent: Extent, folder: Path) -> None:
    """Start each server several times, in turns; weigh it after load in the first rounds.

    Round 0 is thrown away: it fills the disk cache and writes what Python compiles.
    """
    for number in range(extent.starts + 1):
        for name in names:
            case = Case(name, workers, ROW_SUM)
            with running(name, ROW_SUM, workers) as server:
                if number == 0:
                    continue
                say(f"start of {name}, {workers} worker(s): {server.start_seconds:.2f} s")
                results.starts.setdefault(case, []).append(server.start_seconds)
                if number <= extent.rounds and not results.no_load:
                    _warm(server, (CSV, JSON), folder)
                    results.memories.setdefault(case, []).append(memory.of_tree(server.pid))


def take_turns(
    found: dict[Case, list[Load]],
    model: str,
    bodies: tuple[Body, ...],
    plan: Mapping[str, tuple[int, ...]],
    workers: int,
    rounds: int,
    seconds: int,
    folder: Path,
) -> None:
    """Load the servers of the plan (name: connections) in turns, case by case, round by round."""
    with side_by_side(plan, model, workers, bodies, folder) as servers:
        for _ in range(rounds):
            for body in bodies:
                for connections in sorted(set().union(*plan.values())):
                    for server in servers:
                        if connections not in plan[server.name]:
                            continue
                        case = Case(server.name, workers, model, body.name, connections)
                        seen = load.put(server, body, connections, seconds, folder)
                        say(
                            f"{model}, {server.name}, {workers} worker(s), {body.name}, {connections}"
                            f" connection(s): {seen.per_second:.0f}/s, p50 {seen.p50_ms:.1f} ms,"
                            f" p99 {seen.p99_ms:.1f} ms"
                        )
                        found.setdefault(case, []).append(seen)


@contextmanager
def side_by_side(
    names: Iterable[str], model: str, workers: int, bodies: Iterable[Body], folder: Path
) -> Iterator[list[Server]]:
    """The servers of these names, each of which has answered each body right, and is warm."""
    with ExitStack() as stack:
        servers = [stack.enter_context(running(name, model, workers)) for name in names]
        for server in servers:
            for body in bodies:
                load.check_answer(server, body)
            _warm(server, bodies, folder)
        yield servers


def _warm(server: Server, bodies: Iterable[Body], folder: Path) -> None:
    for body in bodies:
        load.put(server, body, connections=64, seconds=1, folder=folder)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
