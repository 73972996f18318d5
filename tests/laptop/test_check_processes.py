"""A container's processes as the checker sees them."""

from __future__ import annotations

import subprocess
import sys

from longshore.check.processes import leaf, listens, pids
from longshore.check.rules.training_stop import living_leaf
from tests.support.engines import Machine
from tests.support.server import PATIENCE, wait_until

_NAMED = "open('/proc/self/comm', 'w').write('ä' * 9); print(flush=True); input()"


def test_a_job_that_has_just_ended_has_no_process_to_kill(machine: Machine) -> None:
    """An engine refuses to list the processes of a container that has ended."""
    with machine.running("exit 0") as ended:
        assert ended.wait(PATIENCE) == 0
        assert living_leaf(ended) is None


def test_a_container_that_has_ended_listens_nowhere(machine: Machine) -> None:
    with machine.running("exit 0") as ended:
        assert ended.wait(PATIENCE) == 0
        assert not listens(ended, 8080)


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
