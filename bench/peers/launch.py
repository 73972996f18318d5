"""Runs commands side by side and leaves nothing of them behind: `python -IS launch.py COMMAND --- COMMAND`.

Ends when it is told to by SIGTERM, when the one that started it has ended, or when one of the commands has.
Then the others get SIGTERM and some time, and after that whatever is left of any: some servers start
processes in sessions of their own, which no signal to a process group reaches. They become children of this
process when their parents have ended, for it is their subreaper.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

SEPARATOR = "---"
GRACE_SECONDS = 10.0

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SIGNALS = {signal.SIGTERM, signal.SIGCHLD}


def main() -> int:
    """Exit code 0 where it was told to end, 1 where a command ended by itself."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    running = {os.posix_spawnp(each[0], each, os.environ, setsigmask=()) for each in _commands(sys.argv[1:])}
    told = False
    while not told:
        told = signal.sigwait(_SIGNALS) == signal.SIGTERM
        if running & _reap():
            break
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while running & _children() and time.monotonic() < deadline:
        time.sleep(0.05)
        _reap()
    while left := _children():
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        _reap()
    return 0 if told else 1


def _commands(arguments: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for argument in arguments:
        if argument == SEPARATOR:
            found.append([])
        else:
            found[-1].append(argument)
    return found


def _reap() -> set[int]:
    """Take note of all children that have ended; which those were."""
    ended = set()
    with suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            ended.add(pid)
    return ended


def _children() -> set[int]:
    me = os.getpid()
    return set(map(int, Path(f"/proc/{me}/task/{me}/children").read_text().split()))


if __name__ == "__main__":
    sys.exit(main())
