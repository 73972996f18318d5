"""What this process may use of the machine (the CPUs and memory of its cgroup), and what it lacked."""

from __future__ import annotations

import contextlib
import math
import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Roots:
    """Where the kernel shows cgroups and processes."""

    cgroup: Path = Path("/sys/fs/cgroup")
    proc: Path = Path("/proc")


def cpus(roots: Roots = Roots()) -> int:
    """The number of CPUs this container may use, at least 1.

    The smallest of the affinity mask and every CPU quota from this process's cgroup up to the
    root; a quota of 1.5 CPUs counts as 2, so that the half is not left idle.
    """
    available = len(os.sched_getaffinity(0))
    for quota in _quotas(roots):
        available = min(available, max(1, math.ceil(quota)))
    return available


def gpus() -> int:
    """Return the number of NVIDIA devices in this container: one device file each."""
    return sum(1 for device in Path("/dev").glob("nvidia[0-9]*"))


def _quotas(roots: Roots) -> list[float]:
    """Every CPU quota above this process, in CPUs. A file that is missing or says 'max' limits nothing."""
    quotas = []
    for directory in _cgroup_directories(roots, "cpu"):
        try:  # version 2: "200000 100000" or "max 100000"
            limit, period = (directory / "cpu.max").read_text().split()
        except (OSError, ValueError):
            try:  # version 1: two files, -1 for no limit
                limit = (directory / "cpu.cfs_quota_us").read_text().strip()
                period = (directory / "cpu.cfs_period_us").read_text().strip()
            except OSError:
                continue
        if limit.isdigit() and period.isdigit() and int(period) > 0:
            quotas.append(int(limit) / int(period))
    return quotas


@dataclass(frozen=True)
class Memory:
    """A cgroup's limit in bytes, and what it uses of it: cached files left out, which the kernel can drop."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        return self.limit - self.used


def memory(roots: Roots = Roots()) -> Memory | None:
    """Of this process's cgroup and all above it the one with the least left; None where none has a limit."""
    found = []
    for directory in _cgroup_directories(roots, "memory"):
        for limit, usage, cached in (_MEMORY_V2, _MEMORY_V1):
            with contextlib.suppress(OSError, ValueError):  # "max" is no number, and no limit
                bound, charged = (int((directory / name).read_text()) for name in (limit, usage))
                lines = (directory / "memory.stat").read_text().splitlines()
                parts = {name: int(count) for name, count in (line.split() for line in lines)}
                found.append(Memory(bound, max(0, charged - sum(parts.get(name, 0) for name in cached))))
    return min(found, key=lambda level: level.left, default=None)


def memory_limit(roots: Roots = Roots()) -> int:
    """Return how many bytes of memory this process may use: of all limits that apply, the lowest.

    These are the machine's memory, the limits of this process's cgroup and all above it, and its own limit
    on its address space.
    """
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if address_space != resource.RLIM_INFINITY:
        limits.append(address_space)
    for directory in _cgroup_directories(roots, "memory"):
        for limit, _, _ in (_MEMORY_V2, _MEMORY_V1):
            with contextlib.suppress(OSError, ValueError):  # "max" is no number, and no limit
                limits.append(int((directory / limit).read_text()))
    return min(limits)


# A cgroup's limit, its usage, and the rows of its memory.stat that count what the kernel can drop at once:
# not all cached files, for those of a tmpfs stay. In version 1 only the totals include the groups below.
_MEMORY_V2 = ("memory.max", "memory.current", ("inactive_file", "active_file", "slab_reclaimable"))
_MEMORY_V1 = (
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)


def oom_kills(roots: Roots = Roots()) -> int:
    """How many processes of this cgroup the kernel has killed for want of memory; 0 where it does not say."""
    for directory in _cgroup_directories(roots, "memory"):
        for name in ("memory.events", "memory.oom_control"):  # version 2, version 1
            with contextlib.suppress(OSError):
                for line in (directory / name).read_text().splitlines():
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
    return 0


def processes(roots: Roots = Roots()) -> int | None:
    """How many processes and threads this container may have; None where nothing limits them."""
    found = []
    for directory in _cgroup_directories(roots, "pids"):
        with contextlib.suppress(OSError, ValueError):  # "max" is no number, and no limit
            found.append(int((directory / "pids.max").read_text()))
    for name in ("threads-max", "pid_max"):
        with contextlib.suppress(OSError, ValueError):
            found.append(int((roots.proc / "sys" / "kernel" / name).read_text()))
    return min(found, default=None)


def children(parent: int) -> set[int]:
    """The pids of this process's children that have not ended, read from /proc."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        state, its_parent = state_and_parent(int(path.name)) or ("Z", 0)
        if its_parent == parent and state != "Z":
            found.add(int(path.name))
    return found


def parent_of(pid: int) -> int | None:
    """The pid of this process's parent; None where there is no such process."""
    found = state_and_parent(pid)
    return None if found is None else found[1]


def state_and_parent(pid: int) -> tuple[str, int] | None:
    """The state of a process, "Z" for a zombie, and its parent's pid; None where there is no such process."""
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None  # it has just ended
    # "pid (name) state parent ...": the name may hold spaces and brackets, and be cut within a character.
    state, parent = line.rpartition(b")")[2].split()[:2]
    return state.decode(), int(parent)


def reaped() -> Iterator[tuple[int, int]]:
    """The pid and the exit code, negative for a signal's number, of each child that has ended, taken in here.

    Of PID 1 they are orphans, too.
    """
    with contextlib.suppress(ChildProcessError):  # there is no child at all
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended[0], os.waitstatus_to_exitcode(ended[1])


def _cgroup_directories(roots: Roots, controller: str) -> list[Path]:
    """The directories that hold this controller's limits on this process: its own cgroup and all above it.

    Inside a container the cgroup namespace usually makes the container's own group the root; where
    it does not (cgroup version 1), the path named in /proc/self/cgroup is not mounted, and the
    root of the mount is the container's group.
    """
    directories = []
    try:
        lines = (roots.proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base = roots.cgroup
        elif controller in controllers.split(","):
            base = roots.cgroup / controller
        else:
            continue
        directory = base / path.lstrip("/")
        directories += [d for d in (directory, *directory.parents) if d.is_relative_to(base)]
    return directories or [roots.cgroup]
