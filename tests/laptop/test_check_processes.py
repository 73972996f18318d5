"""A container's processes as the checker sees them."""

from __future__ import annotations

import subprocess
import sys

from longshore.check.processes import leaf, pids
from tests.support.engines import Machine
from tests.support.server import wait_until

_NAMED = "open('/proc/self/comm', 'w').write('ä' * 9); print(flush=True); input()"


def test_they_are_found_whatever_others_are_called(host: Machine) -> None:
    """Linux cuts a name after 15 bytes, which may be within a character."""
    command = [sys.executable, "-c", _NAMED]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
        host.running("sleep 600 & wait") as started,
    ):
        assert other.stdout is not None
        other.stdout.readline()
        child = wait_until(lambda: leaf(started), "its child")
        assert child in pids(started) and other.pid not in pids(started)
        other.communicate(b"\n")
