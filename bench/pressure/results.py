"""What a run leaves behind: every figure a round, and the medians taken of them."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.load import Load
from bench.results import Case, Spread

_LOOKS = 5


@dataclass(frozen=True)
class Flow:
    """One run of the open-loop client: requests at a steady rate for so many seconds.

    kinds counts the outcomes by what they are (see Outcome in tests/support/open_loop.py); per_second the
    right answers that came while it was sending. Latencies count from the moment a request was due.
    late_p99_ms: how late requests were sent; client_us: the client's own processor time a request.
    """

    rate: float
    seconds: float
    kinds: dict[str, int]
    per_second: float
    p50_ms: float
    p99_ms: float
    refused_p99_ms: float
    late_p99_ms: float
    client_us: float


@dataclass(frozen=True)
class Step:
    """A Flow at `factor` times what the server could answer (capacity) when wrk asked it just before."""

    server: str
    factor: float
    capacity: float
    flow: Flow


@dataclass(frozen=True)
class Loss:
    """What happened to a server's requests in a flow in which something was done to it.

    event: a key of losses.EVENTS. times: how often. kept: whether the client kept its connections.
    before, after: the outcomes of those that were due before it was first done, and of the rest.
    """

    server: str
    event: str
    times: int
    kept: bool
    before: dict[str, int]
    after: dict[str, int]


@dataclass(frozen=True)
class Bodies:
    """Large bodies over several connections at once; the memory is that of the server's whole tree (PSS)."""

    connections: int
    body_mb: float
    idle_mb: float
    peak_mb: float
    answered: int
    refused: int

    @property
    def share(self) -> float:
        """The peak, as a multiple of the bodies in flight."""
        return self.peak_mb / (self.connections * self.body_mb)


@dataclass
class Results:
    """All that one run found. memory: MB by server and model, a figure a round; pings: a Flow a round.

    idle: CPU seconds a second, by server. long: requests answered so far, and the memory then, in MB.
    """

    date: str
    command: str
    machine: dict[str, str]
    default_class: str
    rounds: int
    loads: dict[Case, list[Load]] = field(default_factory=dict)
    memory: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    bodies: list[Bodies] = field(default_factory=list)
    pings: dict[str, list[Flow]] = field(default_factory=lambda: defaultdict(list))
    steps: list[Step] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    idle_seconds: float = 0.0
    idle: dict[str, float] = field(default_factory=dict)
    long: list[tuple[int, float]] = field(default_factory=list)

    def load(self, case: Case, figure: str) -> Spread:
        """The spread of one field of Load; raises KeyError where the case was not measured."""
        return Spread.of([getattr(load, figure) for load in self.loads[case]])

    def ping(self, server: str, figure: str) -> Spread:
        return Spread.of([getattr(flow, figure) for flow in self.pings[server]])

    def step(self, server: str, factor: float, figure: Callable[[Step], float]) -> Spread:
        """The spread of a figure over the rounds of this server at this factor."""
        return Spread.of([figure(s) for s in self.steps if (s.server, s.factor) == (server, factor)])

    def copies(self, server: str, model: str) -> Spread:
        return Spread.of(self.memory[server][model])

    def grown_mb(self) -> float:
        """How much more memory the long run's last looks show than its first: medians of a few."""
        looks = [megabytes for _, megabytes in self.long]
        return statistics.median(looks[-_LOOKS:]) - statistics.median(looks[:_LOOKS])

    def write(self, path: Path) -> None:
        """Write every figure as JSON."""
        raw = vars(self) | {
            "loads": [asdict(case) | {"rounds": [*map(asdict, r)]} for case, r in self.loads.items()],
            "bodies": [*map(asdict, self.bodies)],
            "pings": {server: [*map(asdict, flows)] for server, flows in self.pings.items()},
            "steps": [*map(asdict, self.steps)],
            "losses": [*map(asdict, self.losses)],
        }
        path.write_text(json.dumps(raw, indent=1) + "\n")
