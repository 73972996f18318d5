"""Memory of a server: the proportional set size over its process tree.

PSS counts a page that n processes share as 1/n in each, so that the sum over a tree counts what a
preloaded model or a shared library really costs, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench import BenchError
from bench.processes import tree


@dataclass(frozen=True)
class Memory:
    processes: int
    pss_mb: float


def of_tree(root: int) -> Memory:
    """The memory of the process `root` and all below it, in MB of 1,000,000 bytes."""
    pids = tree(root)
    return Memory(len(pids), sum(map(_pss_kib, pids)) * 1024 / 1e6)


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError as error:
        raise BenchError(f"The memory of process {pid} cannot be read: {error}") from None
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
