"""What is measured, in which order.

The first two models: all that are compared run side by side and take turns, case by case, and who is first
is another each round. The batched model: one server at a time, for some of the others are busy while nobody
asks them anything; they take turns, start by start, with all their cases.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench import BenchError, environments, load
from bench.load import Body
from bench.peers import contestants
from bench.peers.contestants import FASTAPI, FASTAPI_PACKAGES, PEERS, WORKERS, Contestant
from bench.peers.cost import DEVICE, LOCK
from bench.peers.results import Results
from bench.results import Case
from bench.servers import HERE, Server

SERVING, WAITING = "rowsum", "waiting"
BATCHING = (DEVICE, LOCK)
CONNECTIONS = (64, 8, 1)

_REQUIREMENTS = HERE / "peers" / "requirements"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Extent:
    """How long a run takes: rounds of each case, seconds of load a round (few: with few connections), and of
    load before the first.
    """

    rounds: int
    seconds: int
    few: int
    warm: int

    def of(self, connections: int) -> int:
        return self.seconds if connections == max(CONNECTIONS) else self.few


FULL = Extent(rounds=3, seconds=3, few=2, warm=2)
QUICK = Extent(rounds=1, seconds=2, few=1, warm=2)


def everything(results: Results, extent: Extent, folder: Path) -> None:
    """Fill results. folder: for what wrk reads."""
    pythons = _pythons(results)
    _side_by_side(results, SERVING, contestants.serving(pythons.get(FASTAPI)), extent, folder)
    _side_by_side(results, WAITING, contestants.waiting(), extent, folder)
    for number in range(extent.rounds):
        for kind in BATCHING:
            _one_by_one(results, kind, number, contestants.batching(kind, pythons), extent, folder)


def _pythons(results: Results) -> dict[str, Path]:
    """The Python of each that could be installed, by name; who could not is noted."""
    wanted: list[tuple[str, str, tuple[str, ...]]] = [(FASTAPI, "fastapi", FASTAPI_PACKAGES)]
    wanted += [(peer.name, peer.requirements, peer.packages) for peer in PEERS]
    found = {}
    for name, requirements, packages in wanted:
        try:
            wanted_of_it = _REQUIREMENTS / f"{requirements}.txt"
            python = environments.python(wanted_of_it, HERE.parent / "requirements.txt")
            results.machine[name] = environments.versions(python, packages)
            found[name] = python
        except BenchError as error:
            results.left_out[name] = str(error)
            _say(f"{name} is left out, for it cannot be installed here: {error}")
    return found


def _side_by_side(
    results: Results, model: str, them: Sequence[Contestant], extent: Extent, folder: Path
) -> None:
    with ExitStack() as stack:
        running = [(each, stack.enter_context(each.running())) for each in them]
        for each, server in running:
            for body in each.bodies:
                load.check_answer(server, body)
                load.put(server, body, 64, extent.warm, folder)
        for number in range(extent.rounds):
            for body in them[0].bodies:
                for each, server in _turns(running, number, extent.rounds):
                    _measure(results, model, each, server, body, 64, extent, folder)


def _one_by_one(
    results: Results, model: str, number: int, them: Sequence[Contestant], extent: Extent, folder: Path
) -> None:
    for each in _turns(them, number, extent.rounds):
        (body,) = each.bodies
        with each.running() as server:
            _say(f"{each.name} started in {server.start_seconds:.1f} s")
            load.check_answer(server, body)
            load.put(server, body, 64, extent.warm, folder)
            for connections in CONNECTIONS:
                _measure(results, model, each, server, body, connections, extent, folder)


def _turns(them: Sequence[_T], number: int, rounds: int) -> list[_T]:
    """In another order each round: nobody comes first, or after the same, each time."""
    first = number * len(them) // rounds
    return [*them[first:], *them[:first]]


def _measure(
    results: Results,
    model: str,
    each: Contestant,
    server: Server,
    body: Body,
    connections: int,
    extent: Extent,
    folder: Path,
) -> None:
    load.check_answer(server, body)
    seen = load.put(server, body, connections, extent.of(connections), folder)
    case = Case(each.name, WORKERS, model, body.name, connections)
    results.loads.setdefault(case, []).append(seen)
    _say(
        f"{model}, {each.name}, {body.name}, {connections} connection(s): {seen.per_second:.0f}/s,"
        f" p50 {seen.p50_ms:.1f} ms, p99 {seen.p99_ms:.1f} ms"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
