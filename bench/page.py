"""The page of results, in Markdown: sentences that stay, and tables made of the figures."""

from __future__ import annotations

from collections.abc import Callable

from bench import pages
from bench.load import CSV, JSON
from bench.measure import CONNECTIONS, ROW_SUM
from bench.results import Case, Results, Spread
from bench.servers import CLASSIC, GEVENT, GTHREAD, STOCK

# What is promised at 64 connections, as a ratio of requests per second.
EXPECTED = {CSV.name: 4.0, JSON.name: 1.5}
# A start counts as no slower up to this ratio of medians: less is within what repeated starts differ by.
START_TOLERANCE = 1.05
START_SECONDS = 0.5


def render(results: Results) -> str:
    """The whole page. Its plots are those that bench.plots draws."""
    parts = [_head(results)]
    if results.no_load:
        parts.append(f"Requests, latency and memory were not measured: {results.no_load}.")
    else:
        parts += [_expected(results), _throughput(results), _cpu(results), _classes(results)]
    parts += [_start(results)]
    if not results.no_load:
        parts.append(_memory(results))
    parts += [_images(results), _method(results)]
    return "\n\n".join(parts) + "\n"


def verdicts(results: Results) -> list[tuple[str, int, str, str, bool]]:
    """Each promise: what, workers, expected, measured, and whether it is met."""
    rows = []
    for body, least in EXPECTED.items():
        for workers in (1, 2):
            ratio = _ratio(results, workers, body, 64, "per_second")
            what = f"{body}, requests per second at 64 connections"
            rows.append((what, workers, f"≥ {least:.1f} ×", f"{ratio:.1f} ×", ratio >= least))
    for workers in (1, 2):
        ours, classic = _starts(results, results.default_class, workers), _starts(results, CLASSIC, workers)
        ratio = classic.median / ours.median
        met = ours.median <= classic.median * START_TOLERANCE
        what = "start to a healthy `/ping`"
        rows.append((what, workers, "no slower", f"{ratio:.1f} × as fast", met))
        met = ours.median <= START_SECONDS
        rows.append((what, workers, f"≤ {START_SECONDS} s", f"{ours.median:.2f} s", met))
    return rows


def _head(results: Results) -> str:
    return f"""# How fast Longshore serves, beside the stack it replaces

Measured on {results.date} by `{results.command}`, in one run, on one machine.

*Classic* is nginx in front of gunicorn (`-k gevent`) and Flask, with pandas for CSV, as the well-known
sample container has it; it is written afresh in [classic/](classic/). *Longshore* is `container/serve`
as it comes, with its default worker class, `{results.default_class}`. Both serve the same model file with the
same Python, the same packages, the same nginx and the same number of workers.

Figures are medians over the rounds ({results.rounds} of each case), the least and the greatest in brackets.
Every ratio is written so that more than 1 speaks for Longshore."""


def _expected(results: Results) -> str:
    rows = [
        [what, str(workers), expected, measured, "yes" if met else "**no**"]
        for what, workers, expected, measured, met in verdicts(results)
    ]
    table = pages.table(["What", "Workers", "Expected", "Measured", "Met"], rows, right=(1,))
    return f"## What was expected, and what came out\n\n{table}"


def _throughput(results: Results) -> str:
    text = """## Requests per second and latency

The model sums rows, which costs next to nothing, so the figures are those of the server around a model,
not of a model. The body is a table of 10 rows and 20 columns of floats, as CSV or as
`{"instances": [[...]]}`; the answer is ten sums in the same format.

![Requests per second by connections, Longshore beside the classic stack](results/requests.svg)"""
    rates, latencies = [], []
    for workers in (1, 2):
        for body in (CSV.name, JSON.name):
            for connections in CONNECTIONS:
                case = [str(workers), body, str(connections)]
                rates.append(case + _pair(results, workers, body, connections, "per_second", _rate))
                latency = [
                    *_pair(results, workers, body, connections, "p50_ms", _ms),
                    *_pair(results, workers, body, connections, "p99_ms", _ms),
                ]
                latencies.append(case + latency)
    head = ["Workers", "Body", "Connections", "Classic, req/s", "Longshore, req/s", "Ratio"]
    text += f"\n\n{pages.table(head, rates, right=(0, 2, 3, 4, 5))}"
    head = ["Workers", "Body", "Connections", "p50 ms: classic", "Longshore", "Ratio"]
    head += ["p99 ms: classic", "Longshore", "Ratio"]
    return f"{text}\n\n{pages.table(head, latencies, right=(0, *range(2, 9)))}"


def _cpu(results: Results) -> str:
    rows = [
        [str(workers), body, *_pair(results, workers, body, 64, "cpu_us", _microseconds)]
        for workers in (1, 2)
        for body in (CSV.name, JSON.name)
    ]
    head = ["Workers", "Body", "Classic, µs", "Longshore, µs", "Ratio"]
    return f"""## CPU time per request

What one request costs the whole process tree, nginx included, at 64 connections. This depends far less
than the figures above on what else the machine does.

{pages.table(head, rows, right=(0, 2, 3, 4))}"""


def _classes(results: Results) -> str:
    text = """## The two worker classes

`MODEL_SERVER_WORKER_CLASS` is `gthread` (a pool of threads in each worker) or `gevent` (greenlets).
How they behave with a model that computes stands in [pressure.md](pressure.md). Here the model costs nothing,
and there are two workers. Stock gthread is Longshore with the threads of gunicorn's own worker class instead
of those in `container/longshore_runtime/serving/threads.py`.

"""
    rows = []
    for body in (CSV.name, JSON.name):
        for connections in (8, 64):
            row = [body, str(connections)]
            for figure in ("per_second", "p99_ms"):
                for server in (GTHREAD, GEVENT, STOCK):
                    spread = results.load(Case(server, 2, ROW_SUM, body, connections), figure)
                    row.append(_rate(spread) if figure == "per_second" else _ms(spread))
            rows.append(row)
    head = ["Body", "Connections", "gthread, req/s", "gevent, req/s", "stock gthread, req/s"]
    head += ["p99 ms: gthread", "gevent", "stock gthread"]
    return text + pages.table(head, rows, right=range(1, 8))


def _start(results: Results) -> str:
    rows = []
    for workers in (1, 2):
        classic, ours = _starts(results, CLASSIC, workers), _starts(results, results.default_class, workers)
        ratio = f"{classic.median / ours.median:.1f} ×"
        rows.append([str(workers), pages.seconds(classic), pages.seconds(ours), ratio])
    count = len(next(iter(results.starts.values())))
    table = pages.table(["Workers", "Classic, s", "Longshore, s", "Ratio"], rows, right=range(4))
    return f"""## Start

From the creation of the process to the first 200 on `/ping`, asked every 5 ms. Starts of each: {count},
in turns, after one that is thrown away. The classic stack says it is healthy when one worker has loaded the
model, Longshore when a request would be served.

{table}"""


def _memory(results: Results) -> str:
    rows = []
    for workers in (1, 2):
        row = [str(workers)]
        medians = []
        for server in (CLASSIC, results.default_class):
            seen = results.memories[Case(server, workers, ROW_SUM)]
            spread = Spread.of([memory.pss_mb for memory in seen])
            medians.append(spread.median)
            row.append(_megabytes(spread))
            row.append(str(seen[-1].processes))
        rows.append([*row, f"{medians[0] / medians[1]:.1f} ×"])
    head = ["Workers", "Classic, MB", "processes", "Longshore, MB", "processes", "Ratio"]
    return f"""## Memory

The proportional set size (PSS) over the whole process tree, nginx included, after a second of CSV and a
second of JSON over 64 connections. A page that several processes share counts once.

{pages.table(head, rows, right=range(6))}"""


def _images(results: Results) -> str:
    rows = []
    for image in results.images:
        missing = image.size_mb is None
        size = f"not measured: {image.missing}" if missing else f"{image.size_mb:.0f} MB"
        rows.append([image.name, f"`{image.tag}`", size])
    return f"""## Image size

As `docker image inspect` gives it: all layers, unpacked. Each holds what its own sample needs:
scikit-learn in both, pandas in the classic one. What is not measured says why;
[classic/Dockerfile](classic/Dockerfile) and `make image` build the two.

{pages.table(["Image", "Tag", "Size"], rows)}"""


def _method(results: Results) -> str:
    machine = pages.table(["", ""], [[name, said] for name, said in results.machine.items()])
    return f"""## How it was measured, and what it does not say

- `wrk -t1` with 1, 8 and 64 connections for {results.seconds} s a case, after a warm-up. The servers that are
  compared run side by side and take turns, case by case and round by round, so that whatever else the
  machine does falls on all of them.
- The answer of each server to each body is compared with the right one before anything is measured.
  One failed request, of whatever kind, stops the run.
- wrk runs on the same cores as the servers and asks again only when it has its answer. So the figures
  compare servers; they are not what a client across a network sees, nor what happens when more requests
  come than can be served.
- Both write their access log, each in its own format, to `/dev/null`.
- The classic stack keeps its sample's settings: one nginx process, HTTP/1.0 and a new connection to
  gunicorn for each request. Its JSON handler is Flask's `get_json` and `jsonify`, without pandas.
- Every single figure is in [results.json](results.json).

{machine}"""


def _pair(
    results: Results,
    workers: int,
    body: str,
    connections: int,
    figure: str,
    show: Callable[[Spread], str],
) -> list[str]:
    """The classic figure, ours, and their ratio."""
    cells = [
        show(results.load(Case(server, workers, ROW_SUM, body, connections), figure))
        for server in (CLASSIC, results.default_class)
    ]
    return [*cells, f"{_ratio(results, workers, body, connections, figure):.1f} ×"]


def _ratio(results: Results, workers: int, body: str, connections: int, figure: str) -> float:
    """The ratio of medians, turned so that more is better."""
    ours, classic = (
        results.load(Case(server, workers, ROW_SUM, body, connections), figure).median
        for server in (results.default_class, CLASSIC)
    )
    return ours / classic if figure == "per_second" else classic / ours


def _starts(results: Results, server: str, workers: int) -> Spread:
    return Spread.of(results.starts[Case(server, workers, ROW_SUM)])


def _rate(spread: Spread) -> str:
    return pages.spread(spread, ",.0f")


def _ms(spread: Spread) -> str:
    return f"{spread.median:.2f}" if spread.median < 10 else f"{spread.median:.1f}"


def _microseconds(spread: Spread) -> str:
    return pages.spread(spread, ",.0f")


def _megabytes(spread: Spread) -> str:
    return pages.spread(spread, ".0f")
