"""The page of results, in Markdown: sentences that stay, and tables made of the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bench import pages
from bench.measure import ROW_SUM
from bench.models.large import MEGABYTES
from bench.pressure import fairness, losses, overload, size
from bench.pressure.client import PATIENCE_SECONDS, REFUSED
from bench.pressure.results import Results
from bench.pressure.verdicts import fair, lost, verdicts
from bench.results import Spread
from bench.servers import CLASSIC, STOCK


def render(results: Results) -> str:
    """The whole page. Its plots are those that bench.pressure.plots draws."""
    sections = (_fairness, _overload, _losses, _size, _idle, _method)
    parts = [_head(results), pages.expected(verdicts(results)), *(section(results) for section in sections)]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    return f"""# How Longshore behaves under pressure, beside the stack it replaces

Measured on {results.date} by `{results.command}`, in one run, on one machine. *Classic* and *Longshore* are
what they are in [results.md](results.md), which also has the start; *Longshore* is its default worker class,
`{results.default_class}`, where nothing else is said. Figures are medians over the rounds ({results.rounds}),
the least and the greatest in brackets. A MB is 1,000,000 bytes."""


def _fairness(results: Results) -> str:
    text = """## A model that computes

It computes for 3 ms in pure Python, holding the interpreter lock all the while, and two workers are asked,
with CSV. What can be had at best is one answer per 3 ms and core, less what nginx, the server and wrk itself
need of the same cores. With 64 connections, a p99 far above p50 means that some callers wait while others are
served out of turn. With 2, a p50 well above 3 ms means that both requests wait for one worker while the other
has nothing to do.

![Latency with a model that computes for 3 ms](results/fairness.svg)"""
    rows = []
    for connections in fairness.CONNECTIONS:
        base = fair(results, CLASSIC, connections, "per_second")
        for server in fairness.SERVERS:
            rate, p50, p99, longest = (
                fair(results, server, connections, figure)
                for figure in ("per_second", "p50_ms", "p99_ms", "max_ms")
            )
            row = [str(connections), _name(results, server), pages.spread(rate, ",.0f")]
            row += [f"{rate.median / base.median:.2f} ×", _ms(p50), _ms(p99), _ms(longest)]
            rows.append([*row, f"{p99.median / p50.median:.1f}"])
    head = ["Connections", "Server", "req/s", "to classic", "p50 ms", "p99 ms", "longest ms", "p99 / p50"]
    return f"""{text}

{pages.table(head, rows, right=(0, *range(2, 8)))}

Stock gthread is Longshore with the threads of gunicorn's own worker class instead of those in
`container/longshore_runtime/serving/threads.py`."""


def _overload(results: Results) -> str:
    servers = (CLASSIC, results.default_class)
    pings = [
        [
            _name(results, server),
            _ms(results.ping(server, "p50_ms")),
            _ms(results.ping(server, "p99_ms")),
            _kinds(flow.kinds for flow in results.pings[server]),
        ]
        for server in servers
    ]
    rows = [
        [f"{factor:.1f}", _name(results, server), *_step(results, server, factor)]
        for factor in overload.FACTORS
        for server in servers
    ]
    head = ["Asked, × capacity", "Server", "Asked, req/s", "Answered, req/s", "of the most"]
    head += ["p50 ms", "p99 ms", "refused, p99 ms", "Outcomes"]
    flows = [step.flow for step in results.steps]
    dearest = max(flow.client_us * flow.rate for flow in flows) / 1e6
    return f"""## More than can be served

The same model and two workers. While wrk asks over {overload.CONNECTIONS} connections, `/ping` is asked
{overload.PINGS_A_SECOND} times a second, each time on a connection of its own.

{pages.table(["Server", "`/ping`, p50 ms", "p99 ms", "Outcomes"], pings, right=(1, 2))}

What wrk gets answered without that is the server's capacity. Then requests come at a steady rate, a multiple
of that, whatever becomes of those before them. *Answered* are right answers that came while it lasted. All
latencies count from the moment a request was due.

![Answers and latency by load](results/overload.svg)

{pages.table(head, rows, right=(0, *range(2, 8)))}

The client that asks is one process with kept connections, as many as it needs; it gives up after
{PATIENCE_SECONDS:.0f} s. Once a millisecond it sends what is due and reads what has come, since it shares the
cores with the server: that takes at most {dearest:.1%} of a core, and makes latencies longer by up to a
millisecond. In every step 99% of the requests were sent
at most {max(flow.late_p99_ms for flow in flows):.1f} ms late, which counts as latency."""


def _step(results: Results, server: str, factor: float) -> list[str]:
    def spread(figure: str) -> Spread:
        return results.step(server, factor, lambda s: float(getattr(s.flow, figure)))

    peak = max(results.step(server, each, lambda s: s.flow.per_second).median for each in overload.FACTORS)
    answered = spread("per_second")
    steps = [s for s in results.steps if (s.server, s.factor) == (server, factor)]
    refused = [s.flow.refused_p99_ms for s in steps if REFUSED in s.flow.kinds]
    return [
        f"{spread('rate').median:,.0f}",
        pages.spread(answered, ",.0f"),
        f"{answered.median / peak:.2f}",
        _ms(spread("p50_ms")),
        _ms(spread("p99_ms")),
        _ms(Spread.of(refused)) if refused else "",
        _kinds(step.flow.kinds for step in steps),
    ]


def _losses(results: Results) -> str:
    rows = [
        [
            losses.EVENTS[loss.event],
            str(loss.times),
            _name(results, loss.server),
            "kept" if loss.kept else "one a request",
            _kinds([loss.before]),
            _kinds([loss.after]),
            str(lost(loss)),
        ]
        for loss in results.losses
    ]
    head = ["What", "Times", "Server", "Connections", "Asked before", "Asked after that", "Lost"]
    return f"""## Killed, reloaded, stopped under load

The same model and two workers, and a steady rate of half of what the slower server can answer. Each request
has a number, and its answer is held against that. Lost is whoever gets neither a right answer nor a clean
refusal: 502 as problem+json when a worker is killed, 503 or a connection refused when the server stops;
nothing but a right answer when the model is loaded anew.

{pages.table(head, rows, right=(1, 6))}"""


def _size(results: Results) -> str:
    rows = []
    for server in (CLASSIC, results.default_class):
        large, small = results.copies(server, size.LARGE), results.copies(server, ROW_SUM)
        row = [_name(results, server), f"{small.median:.0f}", f"{large.median:.0f}"]
        more = (large.median - small.median) / MEGABYTES
        rows.append([*row, f"{large.median / MEGABYTES:.2f}", f"{more:.2f}"])
    head = ["Server", "without, MB", "with it, MB", "with it / model", "the difference / model"]
    bodies = [
        [
            f"{each.connections} × {each.body_mb:.0f} MB",
            f"{each.idle_mb:.0f}",
            f"{each.peak_mb:.0f}",
            f"{each.share:.2f} ×",
            str(each.answered),
            str(each.refused),
        ]
        for each in results.bodies
    ]
    body_head = ["In flight", "idle, MB", "peak, MB", "to what is in flight", "Answered", "Refused at first"]
    return f"""## Memory

The proportional set size (PSS) of the whole process tree, nginx and the supervisor included.

A model of {MEGABYTES} MB in {size.COPIES_WORKERS} workers, of which each answer reads all:

{pages.table(head, rows, right=range(1, 5))}

Bodies of 100 MB (`application/x-npy`) over {size.CONNECTIONS} connections at once, and a model that keeps
each for half a second, so that all are there at the same time, in {size.BODIES_WORKERS} workers:

{pages.table(body_head, bodies, right=range(1, 6))}

While {results.long[-1][0]:,} requests are answered it changes by {results.grown_mb():+.1f} MB: the median of
the last five looks beside that of the first five, each just after a burst.

![Memory over many requests](results/memory.svg)"""


def _idle(results: Results) -> str:
    rows = [[_name(results, server), f"{used:.3%}"] for server, used in results.idle.items()]
    return f"""## Idle

Processor time of the whole process tree while nobody asks anything, over {results.idle_seconds:.0f} s, of one
core:

{pages.table(["Server", "of a core"], rows, right=(1,))}"""


def _method(results: Results) -> str:
    machine = pages.table(["", ""], [[name, said] for name, said in results.machine.items()])
    return f"""## How it was measured, and what it does not say

- Servers that are compared run side by side and take turns, but where memory is measured and where something
  is killed or stopped: there each has the machine for itself.
- The clients run on the same cores as the servers: what a model that computes leaves to nginx, to the
  client and to `/ping` is what the kernel's scheduler gives them.
- Every single figure is in [pressure.json](pressure.json).

{machine}"""


def _name(results: Results, server: str) -> str:
    if server == CLASSIC:
        return "Classic"
    if server == STOCK:
        return "Longshore, stock gthread"
    return f"Longshore, {server}" + (" (default)" if server == results.default_class else "")


def _kinds(counted: Iterable[Mapping[str, int]]) -> str:
    """How many of each kind, as words."""
    total: Counter[str] = Counter()
    for kinds in counted:
        total.update(kinds)
    return ", ".join(f"{kind}: {count:,}" for kind, count in total.most_common())


def _ms(spread: Spread) -> str:
    return f"{spread.median:.2f}" if spread.median < 10 else f"{spread.median:,.0f}"
