"""The plots of the page, as SVG: a panel for each case, a bar for each server."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.load import CSV, JSON
from bench.peers.contestants import ITEM, OURS, WORKERS
from bench.peers.cost import DEVICE, LOCK
from bench.peers.measure import SERVING
from bench.peers.results import Results
from bench.plots import BLUE, GREY, TEXT
from bench.results import Case

_SERVING = ((SERVING, CSV.name, CSV.name), (SERVING, JSON.name, JSON.name))
_BATCHING = ((DEVICE, ITEM.name, "A device computes"), (LOCK, ITEM.name, "Python computes"))


def draw(results: Results, folder: Path) -> None:
    """Write serving.svg and batching.svg into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, height, panels in (("serving", 2.0, _SERVING), ("batching", 3.4, _BATCHING)):
        figure = Figure(figsize=(9, height), layout="constrained")
        for axes, (model, body, title) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
            _bars(axes, results, model, body)
            axes.set_title(title, loc="left")
        figure.axes[0].invert_yaxis()  # of both, for they share it: ours on top
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, facecolor="white")


def _bars(axes: Axes, results: Results, model: str, body: str) -> None:
    names = results.servers(model)
    spreads = [results.spread(Case(name, WORKERS, model, body, 64), "per_second") for name in names]
    medians = [spread.median for spread in spreads]
    below = [spread.median - spread.least for spread in spreads]
    above = [spread.most - spread.median for spread in spreads]
    places = range(len(names))
    axes.barh(places, medians, 0.7, color=[BLUE if name == OURS else GREY for name in names])
    axes.errorbar(medians, places, xerr=[below, above], fmt="none", ecolor=TEXT, elinewidth=1)
    for place, spread in zip(places, spreads, strict=True):  # clear of the bracket
        end, label = (spread.most, place), f"{spread.median:,.0f}"
        axes.annotate(label, end, xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    axes.margins(x=0.14)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("requests per second, 64 connections")
