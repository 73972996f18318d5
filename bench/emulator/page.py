"""The page of results, in Markdown: sentences that stay, and tables made of the figures."""

from __future__ import annotations

from bench import pages
from bench.emulator import transforms
from bench.emulator.invocations import BOTO3, SIZES, STRAIGHT, THROUGH
from bench.emulator.results import Results, verdicts
from bench.results import Spread


def render(results: Results) -> str:
    """The whole page."""
    parts = [_head(results), pages.expected(verdicts(results)), _invocations(results), _transforms(results)]
    parts += [_memory(results), _machine(results)]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    return f"""# What the emulator costs

Measured on {results.date} by `{results.command}`, in one run, on one machine, with a real `longshore emulate`
that runs [emulator/program.py](emulator/program.py) as `host:PATH`. A MB is 1,000,000 bytes.

From the command until it says `ready`: {pages.seconds(Spread.of(results.ready))} s. `longshore --help`:
{pages.seconds(Spread.of(results.help))} s. Medians of {len(results.ready)}, the least and the greatest in
brackets."""


def _invocations(results: Results) -> str:
    rows = []
    for size in SIZES:
        found = {one.way: one for one in results.invocations if one.size == size}
        row = [size, *(f"{found[way].p50_ms:.2f} ({found[way].p99_ms:.2f})" for way in found)]
        rows.append([*row, f"{found[THROUGH].p50_ms - found[STRAIGHT].p50_ms:.2f}"])
    head = ["Body", STRAIGHT, THROUGH, BOTO3, "added, p50"]
    return f"""## An invocation

One client, a kept connection, the ways in turns; milliseconds a request, p50 (p99). What boto3 takes is its
own: it signs, and reads the answer into objects.

{pages.table(head, rows, right=range(1, 5))}"""


def _transforms(results: Results) -> str:
    ways = dict.fromkeys(one.way for one in results.transforms)
    rows = [
        [
            way,
            pages.spread(results.transform(way, "lines_per_second"), ",.0f"),
            pages.spread(results.transform(way, "share"), ".1%"),
        ]
        for way in ways
    ]
    job, straight = (results.transform(way, "lines_per_second").median for way in ways)
    return f"""## A transform

{transforms.LINES:,} lines of {len(transforms.LINE)} bytes, SplitType Line, MultiRecord, requests of at most
{transforms.PAYLOAD >> 20} MiB, {transforms.CONCURRENCY} at a time; the program works for
{transforms.LINE_US} µs a line. Beside it a client that does nothing but post the same mini-batches. Busy is
the program's share of the time between its first request and its last answer. The job comes to
{job / straight:.2f} × the lines a second of that client.

{pages.table(["", "lines/s", "busy"], rows, right=(1, 2))}"""


def _memory(results: Results) -> str:
    rows = [[f"{size:,} MiB", f"{peak:.0f}"] for size, peak in results.peaks.items()]
    return f"""## Memory

The most that a fresh emulator has been resident with, when one input has been uploaded by boto3, split into
requests of 6 MB, sent, and its answers stored.

{pages.table(["Input", "peak, MB"], rows, right=(1,))}"""


def _machine(results: Results) -> str:
    return f"""## The machine

{pages.table(["", ""], [[name, said] for name, said in results.machine.items()])}"""
