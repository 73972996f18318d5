"""The two plots of the page, as SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.load import CSV, JSON
from bench.measure import BUSY, CONNECTIONS, ROW_SUM
from bench.results import Case, Results
from bench.servers import CLASSIC, GEVENT, GTHREAD

GREY, BLUE, LIGHT_BLUE, TEXT = "#9aa3ad", "#1f6feb", "#a5c8ff", "#24292f"

matplotlib.rcParams.update(
    {
        "svg.hashsalt": "longshore",  # the same figures give the same file
        "font.size": 10,
        "text.color": TEXT,
        "axes.labelcolor": TEXT,
        "axes.edgecolor": "#d0d7de",
        "xtick.color": TEXT,
        "ytick.color": TEXT,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def draw(results: Results, folder: Path) -> None:
    """Write requests.svg and fairness.svg into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in (("requests", _requests(results)), ("fairness", _fairness(results))):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, facecolor="white")


def _requests(results: Results) -> Figure:
    """Four panels: the two bodies across, one and two workers down."""
    figure = Figure(figsize=(9, 6.2), layout="constrained")
    panels = figure.subplots(2, 2, sharey="col")
    for row, workers in enumerate((1, 2)):
        for column, body in enumerate((CSV.name, JSON.name)):
            axes = panels[row, column]
            _bars(axes, results, workers, body)
            axes.set_title(f"{body}, {'one worker' if workers == 1 else 'two workers'}", loc="left")
            if row == 1:
                axes.set_xlabel("connections")
            if column == 0:
                axes.set_ylabel("requests per second")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _bars(axes: Axes, results: Results, workers: int, body: str) -> None:
    width = 0.38
    for offset, server, colour, label in (
        (-width / 2, CLASSIC, GREY, "Classic"),
        (width / 2, results.default_class, BLUE, "Longshore"),
    ):
        spreads = [
            results.load(Case(server, workers, ROW_SUM, body, connections), "per_second")
            for connections in CONNECTIONS
        ]
        places = [place + offset for place in range(len(CONNECTIONS))]
        heights = [spread.median for spread in spreads]
        below = [spread.median - spread.least for spread in spreads]
        above = [spread.most - spread.median for spread in spreads]
        axes.bar(places, heights, width, color=colour, label=label)
        axes.errorbar(places, heights, yerr=[below, above], fmt="none", ecolor=TEXT, elinewidth=1)
        for place, spread in zip(places, spreads, strict=True):  # above the line of the spread, not across it
            axes.annotate(
                f"{spread.median:,.0f}",
                (place, spread.most),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=8.5,
            )
    axes.set_xticks(range(len(CONNECTIONS)), [str(connections) for connections in CONNECTIONS])
    axes.margins(y=0.14)
    axes.yaxis.set_major_formatter("{x:,.0f}")


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
        medians = [results.load(Case(name, 2, BUSY, CSV.name, 64), latency).median for name in names]
        places = [place + offset for place in range(len(names))]
        bars = axes.barh(places, medians, height, color=colour, label=label)
        axes.bar_label(bars, labels=[f"{median:,.0f}" for median in medians], padding=4, fontsize=8.5)
    ticks = []
    for name in names:
        rate = results.load(Case(name, 2, BUSY, CSV.name, 64), "per_second").median
        ticks.append(f"{'Classic' if name == CLASSIC else f'Longshore, {name}'}\n{rate:,.0f} req/s")
    axes.set_yticks(range(len(names)), ticks)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel("milliseconds, 64 connections, two workers")
    axes.set_title("A model that computes for 3 ms and holds the interpreter lock", loc="left")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
