"""Which processes belong to a program, and how they are signalled.

TaskMembers is for a program with a user of its own: whatever runs as that user belongs to it.

SharedMembers is for the rest. A process belongs to the program if it has its session, if it carries the mark
of its run in the environment it was started with, or if it descends from such a process. A process that gives
up the first two and whose parent has ended becomes our child (adopt_orphans). Such an orphan belongs to no
program that we can name, and is killed when any program ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from longshore_runtime import machine
from longshore_runtime.runners.algorithm.program.task_users import TaskUser

_PR_SET_CHILD_SUBREAPER = 36
_MOST_LOOKS = 100  # where others start processes without end


class Members(Protocol):
    """The processes of one program. need_pid: whether its pid must not be another's until ended()."""

    need_pid: bool

    def signal(self, number: signal.Signals) -> list[int]:
        """Send this signal to all of them once; returns those that have not ended yet."""

    def living(self) -> list[int]:
        """Those that have not ended."""

    def ended(self) -> None:
        """The program has ended, and all of it has been killed."""


class TaskMembers:
    """The processes of a user that only this program has."""

    need_pid = False

    def __init__(self, user: TaskUser) -> None:
        self._user = user
        self._ended = False

    def signal(self, number: signal.Signals) -> list[int]:
        if not self._ended:
            self._user.kill(number)
        return self.living()

    def living(self) -> list[int]:
        return [] if self._ended else self._user.living()

    def ended(self) -> None:
        self._ended = True  # a program that is started anew has the same user


class SharedMembers:
    """The processes of a program whose user others have, too. starting() must surround its start."""

    need_pid = True

    _running: ClassVar[dict[int, SharedMembers]] = {}  # by the pid of the program
    _others: ClassVar[set[int] | None] = (
        None  # our children that are no orphans; None unless we adopt orphans
    )
    _guard: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._pid = -1

    @classmethod
    def adopt_orphans(cls) -> None:
        """From now on, what loses its parent below this process becomes its child."""
        with cls._guard:
            cls._others = machine.children(os.getpid())
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    @classmethod
    @contextlib.contextmanager
    def starting(cls) -> Iterator[None]:
        """While a program starts, which is our child before we know that it is no orphan."""
        with cls._guard:
            yield

    def began(self, pid: int) -> None:
        """The program has this pid, which leads its session."""
        with self._guard:
            self._pid = pid
            self._running[pid] = self

    def signal(self, number: signal.Signals) -> list[int]:
        with self._guard:
            living = self._living(orphans=number == signal.SIGKILL)
            if self._pid in living.values():
                # The whole group in one call: none of it can start another meanwhile.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._pid, number)
            for pid, group in living.items():
                if group != self._pid:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, number)
            return list(living)

    def living(self) -> list[int]:
        with self._guard:
            return list(self._living(orphans=False))

    def ended(self) -> None:
        with self._guard:
            self._running.pop(self._pid, None)
            self._reap()
            self._pid = -1  # its number may be another's soon

    def _living(self, orphans: bool) -> dict[int, int]:
        """All that belongs to this program and has not ended, with its process group each.

        A process may start another and end while we look. So we look until a look shows nothing new: what
        lived then has been seen alive, and only what is of this program starts more of it.
        """
        found: dict[int, int] = {}
        if self._pid < 0:
            return found
        seen: set[int] = set()
        others: dict[int, int] = {}  # the rest, with its parent each
        for _ in range(_MOST_LOOKS):
            pids = set(map(int, filter(str.isdigit, os.listdir("/proc"))))  # noqa: PTH208
            if pids <= seen:
                break
            for pid in pids - seen:
                with contextlib.suppress(OSError):  # it ends just now, or is hidden
                    state, parent = machine.state_and_parent(pid) or ("X", 0)
                    if state in "ZX":
                        continue
                    if self._claims(pid) or (orphans and self._is_lost(pid, parent)):
                        found[pid] = os.getpgid(pid)
                    else:
                        others[pid] = parent
            seen |= pids
            while heirs := [pid for pid, parent in others.items() if parent in found or parent == self._pid]:
                for pid in heirs:
                    del others[pid]
                    with contextlib.suppress(OSError):
                        found[pid] = os.getpgid(pid)
        return found

    def _claims(self, pid: int) -> bool:
        return os.getsid(pid) == self._pid or self._mark in _environ(pid).split(b"\0")

    def _is_lost(self, pid: int, parent: int) -> bool:
        """Whether it is an orphan that no running program claims."""
        if self._others is None or parent != os.getpid() or pid in self._others:
            return False
        return not any(pid == other or members._claims(pid) for other, members in self._running.items())

    def _reap(self) -> None:
        """Take in the orphans that have ended: nobody else waits for them."""
        if self._others is None:
            return
        for path in Path("/proc").glob("[0-9]*"):
            pid = int(path.name)
            state, parent = machine.state_and_parent(pid) or ("", 0)
            if state == "Z" and parent == os.getpid() and not (pid in self._others or pid in self._running):
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def _environ(pid: int) -> bytes:
    """The environment this process was started with; empty where we may not see it."""
    path = Path(f"/proc/{pid}/environ")
    try:
        return path.read_bytes()
    except PermissionError:
        if os.geteuid() != 0:
            return b""
    # Root in a container lacks CAP_SYS_PTRACE, but may look as the user whose process it is. These two
    # calls are for this thread alone.
    owner = path.parent.stat()
    libc = ctypes.CDLL(None)
    try:
        libc.setfsgid(owner.st_gid)
        libc.setfsuid(owner.st_uid)
        return path.read_bytes()
    except PermissionError:
        return b""
    finally:
        libc.setfsuid(os.geteuid())
        libc.setfsgid(os.getegid())
