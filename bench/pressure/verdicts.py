"""What was promised, and what came out."""

from __future__ import annotations

from bench.load import CSV
from bench.measure import ROW_SUM
from bench.models.large import MEGABYTES
from bench.pages import Verdict
from bench.pressure import losses, overload, size
from bench.pressure.client import REFUSED, RIGHT
from bench.pressure.results import Flow, Loss, Results
from bench.results import Case, Spread
from bench.servers import CLASSIC
from tests.support.open_loop import REFUSED as CONNECTION_REFUSED

UNFAIR = 2.0  # p99 / p50
COPIES = 1.2
BODIES = 1.5
PING_MS = 50
GOODPUT = 0.95
REFUSED_MS = 50
IDLE = 0.01  # of a core
GROWTH_MB = 5
CLEAN_502 = "502"


def verdicts(results: Results) -> list[Verdict]:
    ours = results.default_class
    rate = fair(results, ours, 64, "per_second").median / fair(results, CLASSIC, 64, "per_second").median
    spread = fair(results, ours, 64, "p99_ms").median / fair(results, ours, 64, "p50_ms").median
    more = results.copies(ours, size.LARGE).median - results.copies(ours, ROW_SUM).median
    copies = more / MEGABYTES
    share = max(bodies.share for bodies in results.bodies)
    ping = results.ping(ours, "p99_ms").median
    most = max(overload.FACTORS)
    kept, refused = goodput(results, ours), results.step(ours, most, lambda s: s.flow.refused_p99_ms).median
    strange = sum(odd(step.flow) for step in results.steps if step.server == ours)
    unhealthy = sum(sum(flow.kinds.values()) - flow.kinds.get(RIGHT, 0) for flow in results.pings[ours])
    grown = results.grown_mb()
    asked = f"{most:.0f} times the load it can serve"
    return [
        Verdict("a model that computes: requests per second", "≥ 1.00 × classic", f"{rate:.2f} ×", rate >= 1),
        Verdict("a model that computes: p99 / p50", f"≤ {UNFAIR}", f"{spread:.1f}", spread <= UNFAIR),
        Verdict(
            f"copies of a model of {MEGABYTES} MB in {size.COPIES_WORKERS} workers",
            f"≤ {COPIES}",
            f"{copies:.2f}",
            copies <= COPIES,
        ),
        Verdict(
            f"peak memory, {size.CONNECTIONS} bodies of 100 MB in flight",
            f"< {BODIES} × the bodies",
            f"{share:.2f} ×",
            share < BODIES,
        ),
        Verdict("`/ping` under full load, p99", f"< {PING_MS} ms", f"{ping:.1f} ms", ping < PING_MS),
        Verdict("`/ping` under full load, not 200", "0", str(unhealthy), unhealthy == 0),
        Verdict(f"{asked}: answers", f"≥ {GOODPUT} of the most", f"{kept:.2f}", kept >= GOODPUT),
        Verdict(f"{asked}: refusals, p99", f"≤ {REFUSED_MS} ms", f"{refused:.0f} ms", refused <= REFUSED_MS),
        Verdict("any load: neither answered nor refused with 503", "0", str(strange), strange == 0),
        *(_nothing_lost(results, event, words) for event, words in losses.EVENTS.items()),
        Verdict("idle", f"< {IDLE:.0%} of a core", f"{results.idle[ours]:.2%}", results.idle[ours] < IDLE),
        Verdict(
            f"memory after {results.long[-1][0]:,} more requests",
            f"< {GROWTH_MB} MB more",
            f"{grown:+.1f} MB",
            grown < GROWTH_MB,
        ),
    ]


def _nothing_lost(results: Results, event: str, words: str) -> Verdict:
    of_ours = [loss for loss in results.losses if loss.event == event and loss.server != CLASSIC]
    count = sum(lost(loss) for loss in of_ours)
    return Verdict(f"requests lost: {words}", "0", str(count), count == 0)


def lost(loss: Loss) -> int:
    """Requests that got neither a right answer nor what this event may give them."""
    after = {
        losses.KILL: {RIGHT, CLEAN_502},
        losses.RELOAD: {RIGHT},
        losses.STOP: {RIGHT, REFUSED, CONNECTION_REFUSED},
    }[loss.event]
    # One due a moment before may be answered after it.
    before = {RIGHT} if loss.event == losses.RELOAD else after
    return sum(count for kind, count in loss.before.items() if kind not in before) + sum(
        count for kind, count in loss.after.items() if kind not in after
    )


def odd(flow: Flow) -> int:
    """Requests that were neither answered right nor refused."""
    return sum(count for kind, count in flow.kinds.items() if kind not in (RIGHT, REFUSED))


def goodput(results: Results, server: str) -> float:
    """Right answers at the greatest factor, as a share of the most at any other."""
    most = max(overload.FACTORS)
    peak = max(
        results.step(server, factor, lambda s: s.flow.per_second).median
        for factor in overload.FACTORS
        if factor != most
    )
    return results.step(server, most, lambda s: s.flow.per_second).median / peak


def fair(results: Results, server: str, connections: int, figure: str) -> Spread:
    """One figure of a server with the model that computes."""
    case = Case(server, overload.WORKERS, overload.BUSY, CSV.name, connections)
    return results.load(case, figure)
