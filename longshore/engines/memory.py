"""A memory limit for a program of the host engine: a cgroup of its own, where one can be made."""

from __future__ import annotations

import contextlib
from pathlib import Path

_V2, _V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")


class MemoryLimit:
    """A cgroup with a limit, until remove()."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def joined_by(self) -> Path:
        """The file into which a process writes 0 to be under the limit, and all it starts."""
        return self._folder / "cgroup.procs"

    def bytes(self) -> int | None:
        """What it occupies now."""
        for name in ("memory.current", "memory.usage_in_bytes"):
            with contextlib.suppress(OSError, ValueError):
                return int((self._folder / name).read_text())
        return None

    def exceeded(self) -> bool:
        """Whether the kernel has killed one of its processes because of the limit."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                counts = dict(line.split() for line in (self._folder / name).read_text().splitlines())
                return int(counts.get("oom_kill", 0)) > 0
        return False

    def remove(self) -> None:
        """It must be empty. A process that was killed may take a moment to leave it."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def limit(name: str, megabytes: int) -> MemoryLimit | None:
    """A new one; None where this user can make none."""
    limits = {"memory.max": "memory.swap.max", "memory.limit_in_bytes": "memory.memsw.limit_in_bytes"}
    for parent in _parents():
        folder = parent / name
        try:
            folder.mkdir()
        except OSError:
            continue
        for file, with_swap in limits.items():
            with contextlib.suppress(OSError):
                (folder / file).write_text(str(megabytes * 2**20))
                with contextlib.suppress(OSError):  # where there is no swap there is no such file
                    (folder / with_swap).write_text("0" if file == "memory.max" else str(megabytes * 2**20))
                return MemoryLimit(folder)
        folder.rmdir()
    return None


def remove_all(prefix: str) -> None:
    """Those whose names begin so; they must be empty."""
    for parent in _parents():
        for folder in parent.glob(f"{prefix}*"):
            MemoryLimit(folder).remove()


def _parents() -> list[Path]:
    """Where a cgroup can be made that limits memory.

    Version 2 beside our own, as one with processes cannot have any below it; version 1 below our own.
    """
    parents = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            parents.append(_V1 / path.lstrip("/"))
        elif controllers == "":
            parents.append((_V2 / path.lstrip("/")).parent)
    return [parent for parent in parents if (parent / "cgroup.procs").exists()]
