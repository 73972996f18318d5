"""The plot of the page, as SVG: a panel for each set of objects and each way, a bar for each contestant."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.algorithm.contestants import OURS
from bench.algorithm.results import Case, Results
from bench.plots import BLUE, GREY, TEXT

_PALE = "#e4e7eb"


def draw(results: Results, folder: Path) -> None:
    """Write transfers.svg into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True)
    for axes, case in zip(panels.flat, results.runs, strict=True):
        _bars(axes, results, case)
    panels[0, 0].invert_yaxis()  # of all, for they share it: ours on top
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, frameon=False)
    figure.savefig(folder / "transfers.svg", metadata={"Date": None}, facecolor="white")


def _bars(axes: Axes, results: Results, case: Case) -> None:
    names = list(results.runs[case])
    transfers = [results.transfer(case, name) for name in names]
    medians = [transfer.median for transfer in transfers]
    ends = [results.whole(case, name).median for name in names]
    rest = [end - median for end, median in zip(ends, medians, strict=True)]
    colours = [BLUE if name == OURS else GREY for name in names]
    places = range(len(names))
    axes.barh(places, medians, 0.7, color=colours, label="transfer")
    axes.barh(places, rest, 0.7, left=medians, color=_PALE, label="start of the program")
    below = [transfer.median - transfer.least for transfer in transfers]
    above = [transfer.most - transfer.median for transfer in transfers]
    axes.errorbar(medians, places, xerr=[below, above], fmt="none", ecolor=TEXT, elinewidth=1)
    for place, transfer, whole in zip(places, transfers, ends, strict=True):  # clear of bar and bracket
        end = (max(whole, transfer.most), place)
        label = f"{transfer.median:.2f}"
        axes.annotate(label, end, xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    axes.margins(x=0.12)
    axes.set_xlabel("seconds")
    axes.set_title(f"{case.verb}: {results.of(case).words}", loc="left")
