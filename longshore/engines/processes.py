"""Which processes are of a program that the host engine started, and how all of them are ended.

What is of it: its session, which most of what it starts shares; and whatever has, in the environment it was
started with, the mark of its container or of the owner. So a daemon is found that left the session. What
did both, left the session and overwrote its environment, is not found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

OWNER = "LONGSHORE_OWNER"
CONTAINER = "LONGSHORE_CONTAINER"
_MOST_SECONDS_OF_KILLING = 5.0
_MOST_SECONDS_OF_EXEC = 1.0


def kill(session: int, container: str) -> None:
    """SIGKILL all that is of this container, but not its first process once that has ended."""
    _kill_until_none(f"{CONTAINER}={container}", {session})


def kill_owned(owner: str) -> list[str]:
    """SIGKILL all that this owner's containers left; the names of these containers."""
    found = {}
    for pid in _pids():
        if f"{OWNER}={owner}".encode() in (environment := _environ(pid)):
            marks = [text for text in environment if text.startswith(f"{CONTAINER}=".encode())]
            with contextlib.suppress(ProcessLookupError):
                found[os.getsid(pid)] = marks[0].partition(b"=")[2].decode() if marks else str(pid)
    # A daemon's session holds no more than what the daemon started.
    _kill_until_none(f"{OWNER}={owner}", found)
    return sorted(set(found.values()))


def memory(session: int, container: str) -> int:
    """Bytes of memory that it occupies, what is shared counted once among those who share it."""
    return sum(map(_proportional_bytes, living(f"{CONTAINER}={container}", {session})))


def living(mark: str, sessions: Iterable[int]) -> list[int]:
    """All that have the mark or are in one of the sessions, and have not ended.

    A process may start another and end while we look: so until a look shows nothing new.
    """
    found, seen, of = [], set[int](), set(sessions)
    while names := set(_pids()) - seen:
        for pid in names:
            with contextlib.suppress(OSError):  # it ends just now
                if (os.getsid(pid) in of or mark.encode() in _environ(pid)) and not _has_ended(pid):
                    found.append(pid)
        seen |= names
    return found


def _kill_until_none(mark: str, sessions: Iterable[int]) -> None:
    """Again and again: between two looks they may have started more."""
    sessions = set(sessions) - {os.getsid(0)}
    deadline = time.monotonic() + _MOST_SECONDS_OF_KILLING
    while (left := living(mark, sessions)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  # the names are wanted


def _environ(pid: int) -> list[bytes]:
    """Empty where it has ended or may not be seen.

    In the middle of exec it is empty for a moment, as the command line is; on a busy machine that takes
    milliseconds. Its end is waited for, or a daemon that is just being started would be overlooked.
    """
    folder = Path(f"/proc/{pid}")
    deadline = time.monotonic() + _MOST_SECONDS_OF_EXEC
    try:
        while not (environment := (folder / "environ").read_bytes()) and time.monotonic() < deadline:
            (folder / "exe").readlink()  # OSError: a thread of the kernel's, or it has ended
            if (folder / "cmdline").read_bytes():  # exec is done, if only just now
                environment = (folder / "environ").read_bytes()
                break
            time.sleep(0.001)
        return environment.split(b"\0")
    except OSError:
        return []


def _has_ended(pid: int) -> bool:
    """Whether it is a zombie. stat: pid (name) state ...; the name may hold anything."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")


def _proportional_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)
