"""What a run leaves behind: every single figure, and what is made of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.load import Load
from bench.peers.contestants import PEERS
from bench.results import Case, Spread


@dataclass
class Results:
    """All that one run found. seconds: of load a round; few_seconds: with 8 connections and with one.

    loads: a Load a round. left_out: who was not measured, and why.
    """

    date: str
    command: str
    machine: dict[str, str]
    rounds: int
    seconds: int
    few_seconds: int
    loads: dict[Case, list[Load]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def spread(self, case: Case, figure: str) -> Spread:
        """The spread of one field of Load; raises KeyError where the case was not measured."""
        return Spread.of([getattr(load, figure) for load in self.loads[case]])

    def ratio(self, model: str, body: str, connections: int, one: str, other: str) -> float:
        """How many times the requests per second of the other the one has."""
        rates = [
            self.spread(Case(name, 2, model, body, connections), "per_second").median for name in (one, other)
        ]
        return rates[0] / rates[1]

    def servers(self, model: str) -> list[str]:
        """Who was measured with this model, in the order of the page."""
        return list(dict.fromkeys(case.server for case in self.loads if case.model == model))

    def best_peer(self, model: str, body: str, connections: int) -> str | None:
        """Who of the other servers that batch answers most; None where none of them is there."""
        peers = [peer.name for peer in PEERS if peer.name in self.servers(model)]
        rates = {
            name: self.spread(Case(name, 2, model, body, connections), "per_second").median for name in peers
        }
        return max(rates, key=lambda name: rates[name]) if rates else None

    def write(self, path: Path) -> None:
        """Write every figure as JSON: each case with its rounds in order."""
        raw = vars(self) | {
            "loads": [asdict(case) | {"rounds": [*map(asdict, r)]} for case, r in self.loads.items()]
        }
        path.write_text(json.dumps(raw, indent=1) + "\n")
