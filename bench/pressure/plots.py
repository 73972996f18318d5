"""The plots of the page, as SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.plots import BLUE, GREY, LIGHT_BLUE, save
from bench.pressure import overload
from bench.pressure.results import Results, Step
from bench.pressure.verdicts import fair
from bench.servers import CLASSIC, GEVENT, GTHREAD


def draw(results: Results, folder: Path) -> None:
    """Write fairness.svg, overload.svg and memory.svg into the folder."""
    save(_fairness(results), folder, "fairness")
    save(_overload(results), folder, "overload")
    save(_memory(results), folder, "memory")


def _fairness(results: Results) -> Figure:
    """p50 and p99 of each server with the model that computes for 3 ms, its rate beside its name."""
    figure = Figure(figsize=(9, 3.1), layout="constrained")
    axes = figure.subplots()
    names = (CLASSIC, GTHREAD, GEVENT)
    height = 0.38
    for offset, latency, colour, label in (
        (-height / 2, "p50_ms", LIGHT_BLUE, "p50"),
        (height / 2, "p99_ms", BLUE, "p99"),
    ):
        medians = [fair(results, name, 64, latency).median for name in names]
        places = [place + offset for place in range(len(names))]
        bars = axes.barh(places, medians, height, color=colour, label=label)
        axes.bar_label(bars, labels=[f"{median:,.0f}" for median in medians], padding=4, fontsize=8.5)
    ticks = []
    for name in names:
        rate = fair(results, name, 64, "per_second").median
        ticks.append(f"{'Classic' if name == CLASSIC else f'Longshore, {name}'}\n{rate:,.0f} req/s")
    axes.set_yticks(range(len(names)), ticks)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel("milliseconds, 64 connections, two workers")
    axes.set_title("A model that computes for 3 ms and holds the interpreter lock", loc="left")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _overload(results: Results) -> Figure:
    """Answers a second, and the latency of answers and refusals, by what was asked."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    answers, latency = figure.subplots(1, 2)
    for server, colour, label in (
        (CLASSIC, GREY, "Classic"),
        (results.default_class, BLUE, "Longshore"),
    ):
        _line(answers, results, server, lambda s: s.flow.per_second / s.capacity, color=colour, label=label)
        _line(latency, results, server, lambda s: s.flow.p99_ms, color=colour, label=f"{label}, answered")
    refused = {"color": LIGHT_BLUE, "label": "Longshore, refused"}
    _line(latency, results, results.default_class, lambda s: s.flow.refused_p99_ms or float("nan"), **refused)
    answers.set_title("Answered, × capacity", loc="left")
    answers.set_ylim(bottom=0)
    latency.set_title("p99, ms", loc="left")
    latency.set_yscale("log")
    for axes in (answers, latency):
        axes.set_xlabel("asked, × capacity")
        axes.legend(frameon=False)
    return figure


def _line(
    axes: Axes, results: Results, server: str, figure: Callable[[Step], float], *, color: str, label: str
) -> None:
    medians = [results.step(server, factor, figure).median for factor in overload.FACTORS]
    axes.plot(overload.FACTORS, medians, marker="o", color=color, label=label)


def _memory(results: Results) -> Figure:
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    requests, megabytes = zip(*results.long, strict=True)
    axes.plot(requests, megabytes, marker=".", color=BLUE)
    axes.set_ylim(0, 1.2 * max(megabytes))
    axes.set_xlabel("requests answered since it was warm")
    axes.set_ylabel("MB, whole tree (PSS)")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return figure
