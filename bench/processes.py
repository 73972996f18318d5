"""Which processes belong to a server, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    pid: int
    state: str
    parent: int
    group: int
    cpu_seconds: float


def processes() -> Iterator[Process]:
    """Every process of the machine; one that ends meanwhile is left out."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        # The name of the program, in brackets, may itself hold spaces and brackets.
        fields = text.rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])  # in user mode and in the kernel
        state, parent, group = fields[0], int(fields[1]), int(fields[2])
        yield Process(int(stat.parent.name), state, parent, group, ticks / _TICKS_A_SECOND)


def parents() -> dict[int, int]:
    """The parent of each process."""
    return {process.pid: process.parent for process in processes()}


def tree(root: int) -> list[int]:
    """The pids of the process `root` and of all its descendants."""
    children: dict[int, list[int]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process.pid)
    pids = [root]
    for pid in pids:
        pids += children.get(pid, [])
    return pids


def cpu_seconds(root: int) -> float:
    """The CPU time that the process `root` and its living descendants have used, in steps of 10 ms."""
    members = set(tree(root))
    return sum(process.cpu_seconds for process in processes() if process.pid in members)


def exact_cpu_seconds(root: int) -> float:
    """As cpu_seconds(), in steps of nanoseconds, but without the threads that have ended."""
    spent = 0
    for pid in tree(root):
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):  # it ends meanwhile
                spent += int(file.read_text().split()[0])
    return spent / 1e9


def group_runs(group: int) -> bool:
    """Whether the process group has a member that is more than a zombie."""
    return any(process.group == group and process.state != "Z" for process in processes())
