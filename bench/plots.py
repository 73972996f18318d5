"""The plot of the page, as SVG, and what those of the other pages share."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.load import CSV, JSON
from bench.measure import CONNECTIONS, ROW_SUM
from bench.results import Case, Results
from bench.servers import CLASSIC

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
    """Write requests.svg into the folder."""
    save(_requests(results), folder, "requests")


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write the figure into the folder, as <name>.svg."""
    folder.mkdir(parents=True, exist_ok=True)
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
