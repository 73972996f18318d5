"""The page of results, in Markdown: sentences that stay, and tables made of the figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench import pages
from bench.load import CSV, JSON
from bench.peers.contestants import CLASSIC, FASTAPI, ITEM, OURS, UNBATCHED, WORKERS
from bench.peers.cost import DEVICE, LOCK
from bench.peers.measure import BATCHING, CONNECTIONS, SERVING, WAITING
from bench.peers.results import Results
from bench.peers.settings import SETTINGS
from bench.results import Case, Spread

# What is promised at 64 connections, as a ratio of requests per second.
TO_CLASSIC = {CSV.name: 8.0, JSON.name: 2.5}
TO_FASTAPI = 1.0
WAITING_TO_CLASSIC = 1.0
BATCHED_TO_CLASSIC = 10.0
BATCHED_TO_BEST = 1.3
# What is promised of the p50 of a single client, over that without batches.
ALONE = 1.1

_COST = {
    DEVICE: "a device computes",
    LOCK: "Python computes",
}


@dataclass(frozen=True)
class Verdict:
    """One promise: what was expected, what came out, and whether it is met."""

    what: str
    expected: str
    measured: str
    met: bool


def verdicts(results: Results) -> list[Verdict]:
    """Each promise whose case was measured."""
    found = []
    for body, least in TO_CLASSIC.items():
        found.append(_times(results, SERVING, body, CLASSIC, least, f"{body}, to the classic stack"))
        if FASTAPI in results.servers(SERVING):
            found.append(_times(results, SERVING, body, FASTAPI, TO_FASTAPI, f"{body}, to FastAPI"))
    what = "a model that waits, to the classic stack"
    found.append(_times(results, WAITING, ITEM.name, CLASSIC, WAITING_TO_CLASSIC, what))
    for model in BATCHING:
        found += _batching(results, model)
    return found


def _batching(results: Results, model: str) -> Iterator[Verdict]:
    batched = f"batched, {_COST[model]}"
    what = f"{batched}: to the classic stack"
    yield _times(results, model, ITEM.name, CLASSIC, BATCHED_TO_CLASSIC, what)
    best = results.best_peer(model, ITEM.name, 64)
    if best is not None:
        what = f"{batched}: to the best of the others, {best}"
        yield _times(results, model, ITEM.name, best, BATCHED_TO_BEST, what)
    ours, unbatched = (
        results.spread(Case(name, WORKERS, model, ITEM.name, 1), "p50_ms").median
        for name in (OURS, UNBATCHED)
    )
    ratio = ours / unbatched
    what = f"{batched}: p50 of a single client, to that without batches"
    yield Verdict(what, f"≤ {ALONE:.2f} × its time", f"{ratio:.2f} ×", ratio <= ALONE)


def _times(results: Results, model: str, body: str, other: str, least: float, what: str) -> Verdict:
    ratio = results.ratio(model, body, 64, OURS, other)
    return Verdict(what, f"≥ {least:.1f} ×", f"{ratio:.2f} ×", ratio >= least)


def render(results: Results) -> str:
    """The whole page. Its plots are those that bench.peers.plots draws."""
    parts = [_head(results), _expected(results), _serving(results), _waiting(results), _batched(results)]
    return "\n\n".join([*parts, _settings(results), _method(results)]) + "\n"


def _head(results: Results) -> str:
    return f"""# How fast Longshore serves, beside other servers

Measured on {results.date} by `{results.command}`, in one run, on one machine, {WORKERS} workers each.

*Longshore* is `container/serve` as it comes. *Classic* is nginx in front of gunicorn (`-k gevent`) and Flask,
with pandas for CSV: [classic/](classic/), as in [results.md](results.md). What the others are told is in a
table below.

Figures are medians over the rounds ({results.rounds} of each case), the least and the greatest in brackets.
A ratio of more than 1 speaks for Longshore."""


def _expected(results: Results) -> str:
    rows = [
        [each.what, each.expected, each.measured, "yes" if each.met else "**no**"]
        for each in verdicts(results)
    ]
    table = pages.table(["What", "Expected", "Measured", "Met"], rows)
    text = f"""## What was expected, and what came out

Requests per second at 64 connections, where nothing else is said.

{table}"""
    for name, reason in results.left_out.items():
        text += f"\n\n{name} was not measured: it cannot be installed here ({reason})."
    return text


def _serving(results: Results) -> str:
    rows = [row for body in (CSV.name, JSON.name) for row in _rows(results, SERVING, body, 64)]
    return f"""## A model that costs next to nothing

It sums rows: a table of 10 rows and 20 columns of floats, as CSV or as `{{"instances": [[...]]}}`. 64
connections. FastAPI is behind the same nginx with the same `nginx.conf`, and reads and writes bodies with
Longshore's own functions, imported from `container/longshore_runtime`. It does nothing else that Longshore
does: it has no queue, no deadlines, no metrics, and one slow call stops all others of its worker.

![Requests per second, a model that costs next to nothing](results/serving.svg)

{_table(rows)}"""


def _waiting(results: Results) -> str:
    rows = _rows(results, WAITING, ITEM.name, 64)
    return f"""## A model that waits

It waits for 10 ms by `time.sleep`, as for a database, and says that it is thread-safe (`max_concurrency`).
One row of four floats, as JSON. 64 connections. gevent has replaced `time.sleep` in the classic stack, so
that its workers go on meanwhile. More than 6,400 a second cannot be had.

{_table(rows)}"""


def _batched(results: Results) -> str:
    text = """## A model that can do several requests at once

A call costs 5 ms, and each of its items 0.2 ms: 5.2 ms for one, 11.4 ms for 32. One row of four floats, as
JSON. It is measured twice, since it matters what the time goes into:

- *A device computes*: a GPU, say. The process waits in C, without the interpreter's lock (`usleep` by ctypes;
  gevent does not get in between, as it would not there either).
- *Python computes*: in pure Python, with the lock held, 5.2 ms of processor time and more, on the cores that
  the server, nginx and wrk need as well.

Longshore and the classic stack answer through nginx, the others directly, as their documentation has it.

![Requests per second, a model that can do several requests at once](results/batching.svg)"""
    for model in BATCHING:
        rows = []
        for connections in CONNECTIONS:
            rows += [[str(connections), *row[1:]] for row in _rows(results, model, ITEM.name, connections)]
        title = _COST[model]
        text += f"\n\n### {title[0].upper()}{title[1:]}\n\n{_table(rows, 'Clients')}"
    return text


def _settings(results: Results) -> str:
    rows = [[name, said] for name, said in SETTINGS.items() if name not in results.left_out]
    return f"""## The settings of the others

What their documentation names for speed; of the waits that were tried before, in short runs, the one that
gave most requests at 64 clients.

{pages.table(["Server", "Settings"], rows)}"""


def _method(results: Results) -> str:
    machine = pages.table(["", ""], [[name, said] for name, said in results.machine.items()])
    return f"""## How it was measured, and what it does not say

- `wrk -t1` for {results.seconds} s a case, {results.few_seconds} s with 8 clients and with one, after a
  warm-up. It runs on the same cores as the servers.
- With the first two models the servers that are compared run side by side and take turns, case by case.
  With the third one server runs at a time, because some of the others use processor time while nobody asks
  them anything. The one that is first is another each round.
- The answer of each server is compared with the right one before each case. One failed request, of whatever
  kind, stops the run.
- Each of the others is installed in a virtualenv of its own, from
  [peers/requirements/](peers/requirements/), on the same Python.
- Access logs are written to `/dev/null` where nginx writes them, and turned off in the others.
- Everything is on loopback. The figures compare servers; they are not what a client across a network sees.
- Every single figure is in [peers.json](peers.json).

{machine}"""


def _rows(results: Results, model: str, body: str, connections: int) -> list[list[str]]:
    """One for each server: the body, the server, its figures, and how many times as many ours answers."""
    found = []
    for name in results.servers(model):
        case = Case(name, WORKERS, model, body, connections)
        rate, p50, p99, cpu = (
            results.spread(case, figure) for figure in ("per_second", "p50_ms", "p99_ms", "cpu_us")
        )
        ours = name == OURS
        ratio = "" if ours else f"{results.ratio(model, body, connections, OURS, name):.2f} ×"
        label = f"**{name}**" if ours else name
        figures = [pages.spread(rate, ",.0f"), ratio, _ms(p50), _ms(p99), f"{cpu.median:,.0f}"]
        found.append([body, label, *figures])
    return found


def _table(rows: list[list[str]], first: str = "Body") -> str:
    head = [first, "Server", "req/s", "Ratio", "p50 ms", "p99 ms", "CPU time a request, µs"]
    return pages.table(head, rows, right=(0, *range(2, 7)) if first != "Body" else range(2, 7))


def _ms(spread: Spread) -> str:
    return f"{spread.median:.2f}" if spread.median < 10 else f"{spread.median:.1f}"
