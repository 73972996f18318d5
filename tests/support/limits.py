"""A limit of processes and threads for one server."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.server import SERVE, Server

_PIDS = Path("/sys/fs/cgroup/pids")


class ProcessLimit:
    """command: how to start a server that it can be set for."""

    def __init__(self, group: Path | None) -> None:
        self._group = group
        enter = "" if group is None else f"echo $$ >{group}/cgroup.procs; "
        self.command = ("/bin/sh", "-c", f'{enter}exec "$0"', str(SERVE))

    def set(self, server: Server, *, to: int | None) -> None:
        """Let so many processes and threads run, or as many as there may be."""
        if self._group is not None:
            (self._group / "pids.max").write_text("max" if to is None else str(to))
            return
        for pid in (server.process.pid, *server.pids("")):
            _, hard = resource.prlimit(pid, resource.RLIMIT_NPROC)
            resource.prlimit(pid, resource.RLIMIT_NPROC, (hard if to is None else to, hard))


@contextmanager
def process_limit() -> Iterator[ProcessLimit]:
    """As root, whom RLIMIT_NPROC does not bind, by a cgroup; skips the test where none can be made."""
    if os.geteuid() != 0:
        yield ProcessLimit(None)
        return
    group = _PIDS / f"longshore-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("as root this needs cgroups of version 1 that can be written to")
    try:
        yield ProcessLimit(group)
    finally:
        group.rmdir()
