"""What each request counts, in files that prometheus_client's multiprocess mode reads.

prometheus_client's own meters would cost a request 14 µs: for each number a lock, a system call for the
process's id, and a search for the bucket in Python. These cost 3 µs: one lock for all that is counted at a
time, and the numbers changed where they are mapped. So a scrape finds them up to date, and a worker that is
killed loses none. What has labels that are not known beforehand is counted by prometheus_client itself.
"""

from __future__ import annotations

import math
import mmap
import os
import threading
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from prometheus_client.mmap_dict import mmap_key
from prometheus_client.utils import floatToGoString

from longshore_runtime import meter_files

# To be held while any of the meters is changed, and for nothing that could wait.
lock = threading.Lock()


class _Cells(Protocol):
    def __getitem__(self, index: int, /) -> float: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...


class _Meter:
    """Numbers by their keys: cells[at[i]] is the number of keys[i]; this process's alone until share()."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.cells: _Cells = array("d", bytes(8 * len(keys)))
        self.at: Sequence[int] = range(len(keys))


class Counter(_Meter):
    """How often something has happened. name: without _total; labels: fixed ones."""

    def __init__(self, name: str, text: str, labels: Mapping[str, str]) -> None:
        super().__init__([mmap_key(name, f"{name}_total", list(labels), list(labels.values()), text)])
        _counters.append(self)

    def add(self, value: float = 1.0) -> None:
        self.cells[self.at[0]] += value


class Gauge(_Meter):
    """A number of a process that goes up and down; /metrics has the sum over the processes that live."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__([mmap_key(name, name, [], [], text)])
        _gauges.append(self)

    def set(self, value: float) -> None:
        self.cells[self.at[0]] = value

    def add(self, value: float) -> None:
        self.cells[self.at[0]] += value


class Histogram(_Meter):
    """How many observed values there were up to each bound, and their sum. labels: fixed ones."""

    def __init__(
        self, name: str, text: str, bounds: Sequence[float], labels: Mapping[str, str] | None = None
    ) -> None:
        self._bounds = tuple(bounds)
        names, values = list(labels or {}), list((labels or {}).values())
        keys = [mmap_key(name, f"{name}_sum", names, values, text)]
        for bound in (*bounds, math.inf):
            up_to = [*values, floatToGoString(bound)]
            keys.append(mmap_key(name, f"{name}_bucket", [*names, "le"], up_to, text))
        super().__init__(keys)
        _histograms.append(self)

    def observe(self, value: float) -> None:
        cells, at = self.cells, self.at
        cells[at[0]] += value
        cells[at[1 + bisect_left(self._bounds, value)]] += 1.0


_counters: list[_Meter] = []
_gauges: list[_Meter] = []
_histograms: list[_Meter] = []


def share(folder: Path) -> None:
    """Have this process's meters counted in this folder from now on. OSError where the disk is full."""
    _map(_counters, folder / f"counter_{os.getpid()}-longshore.db")
    _map(_histograms, folder / f"histogram_{os.getpid()}-longshore.db")
    _map(_gauges, folder / f"gauge_livesum_{os.getpid()}-longshore.db")


def _map(meters: list[_Meter], path: Path) -> None:
    keys = [key for meter in meters for key in meter.keys]
    positions = meter_files.write(path, dict.fromkeys(keys, 0.0))
    with path.open("r+b") as file:
        cells = memoryview(mmap.mmap(file.fileno(), 0)).cast("d")
    first = 0
    for meter in meters:
        until = first + len(meter.keys)
        meter.cells, meter.at = cells, [position // 8 for position in positions[first:until]]
        first = until
