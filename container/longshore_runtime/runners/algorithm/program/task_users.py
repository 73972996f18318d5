"""User ids that belong to one task each, and what only such a user may do: end all of its own processes.

Nothing but the task's program ever runs as its id. So whatever runs as that id belongs to the task, and no
process can leave it: the program has no_new_privs (launch.py), and kill(-1) reaches all of its processes in
one pass of the kernel, which no chain of forks outruns.

_acting() changes the ids of the calling thread alone, by system calls: those of the C library change every
thread's. It starts neither a process nor a thread, so it works where a program has used up all of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import grp
import os
import platform
import pwd
import re
import secrets
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Ids that neither distributions nor subordinate ids (/etc/subuid) use; the second where only 65,536 ids are
# mapped, as in rootless containers.
_RANGES = (range(66_000, 100_000), range(20_000, 60_000))
_SETRESUID = {"x86_64": 117, "aarch64": 147, "riscv64": 147}  # the number of the system call
# To become somebody else, to hand folders over, and to read and remove what a program has left.
_CAPABILITIES = {0: "CAP_CHOWN", 1: "CAP_DAC_OVERRIDE", 3: "CAP_FOWNER", 6: "CAP_SETGID", 7: "CAP_SETUID"}
_IPC_RMID = 0

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_IPC = {
    "shm": lambda number: _libc.shmctl(number, _IPC_RMID, None),
    "msg": lambda number: _libc.msgctl(number, _IPC_RMID, None),
    "sem": lambda number: _libc.semctl(number, 0, _IPC_RMID, None),
}
# In /proc/PID/status, behind the process's name, whose line breaks are escaped.
_STATE, _IDS = re.compile(rb"\nState:\t(.)"), re.compile(rb"\nUid:\t(.*)")


@dataclass(frozen=True)
class TaskUser:
    """An id, of a user and of a group, that one task has for itself. keeper: an id that no process has."""

    id: int
    keeper: int

    def kill(self, number: signal.Signals) -> None:
        """Send this signal to every process of this user, in one pass."""
        with self._acting(), contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(-1, number)

    def living(self) -> list[int]:
        """The processes of this user that have not ended."""
        if not self.exists():  # most often; all of /proc takes a while where much runs
            return []
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._has(pid)]  # noqa: PTH208

    def exists(self) -> bool:
        """Whether there is any process of this user, ended ones that nobody has waited for included."""
        try:
            os.getpriority(os.PRIO_USER, self.id)
        except ProcessLookupError:
            return False
        return True

    def may_run(self, path: str) -> bool:
        """Whether this user may run the program; True where only the server's groups allow it, too."""
        with self._acting():
            return os.access(path, os.X_OK, effective_ids=True)

    def remove_ipc(self) -> None:
        """Remove the System V shared memory, semaphores and queues that this user has made."""
        found = [(kind, number) for kind in _IPC for number in self._ipc(kind)]
        if found:
            with self._acting():
                for kind, number in found:
                    _IPC[kind](number)

    def _ipc(self, kind: str) -> list[int]:
        try:
            names, *rows = (line.split() for line in Path("/proc/sysvipc", kind).read_text().splitlines())
        except (OSError, ValueError):  # a kernel without it
            return []
        found = (dict(zip(names, row, strict=False)) for row in rows)
        number = names[1]  # after the key
        return [int(row[number]) for row in found if str(self.id) in (row["uid"], row["cuid"])]

    def _has(self, pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/status").read_bytes()
        except OSError:  # it has ended
            return False
        ids, state = _IDS.search(status), _STATE.search(status)
        assert ids is not None and state is not None
        return b"%d" % self.id in ids[1].split() and state[1] not in b"ZX"

    @contextlib.contextmanager
    def _acting(self) -> Iterator[None]:
        """This thread may do what this user may, and no more.

        The real id is the keeper's, so that processes of this user have no right to signal or to trace us.
        """
        _setresuid(self.keeper, self.id, 0)
        try:
            yield
        finally:
            _setresuid(0, 0, 0)


class TaskUsers:
    """Hands out ids, each once. Thread-safe. ids: all that there are."""

    def __init__(self) -> None:
        self.ids = next((each for each in _RANGES if _is_mapped(each)), range(0))
        self._guard = threading.Lock()
        # Not from the beginning: in another container its ids may own files on a volume that both mount.
        self._next = secrets.randbelow(max(1, len(self.ids) // 2)) * 2

    def new(self) -> TaskUser:
        """An id that no file of users names and no process has. Raises OSError (EAGAIN) if none is left."""
        with self._guard:
            for _ in range(0, len(self.ids), 2):
                uid, keeper = self.ids[self._next], self.ids[self._next + 1]
                self._next = (self._next + 2) % len(self.ids)
                user = TaskUser(uid, keeper)
                if not _is_named(uid) and not user.exists():
                    return user
        raise OSError(errno.EAGAIN, "every user id for tasks is in use")


def why_not() -> str | None:
    """Why tasks cannot have users of their own here, as the end of a sentence; None where they can."""
    if os.geteuid() != 0:
        return "the server does not run as root"
    if platform.machine() not in _SETRESUID:
        return f"this is not known for the processor {platform.machine()}"
    missing = [name for bit, name in _CAPABILITIES.items() if not _effective_capabilities() >> bit & 1]
    if missing:
        return f"the container lacks {', '.join(missing)}"
    if not any(map(_is_mapped, _RANGES)):
        return "the container's user namespace has no ids for them"
    return None


def _setresuid(real: int, effective: int, saved: int) -> None:
    if _libc.syscall(_SETRESUID[platform.machine()], real, effective, saved) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _is_named(uid: int) -> bool:
    for find in (pwd.getpwuid, grp.getgrgid):
        with contextlib.suppress(KeyError):
            find(uid)
            return True
    return False


def _is_mapped(ids: range) -> bool:
    """Whether this user namespace has all of these ids, of users and of groups."""
    for name in ("uid_map", "gid_map"):
        try:
            rows = [
                [int(n) for n in row.split()] for row in Path("/proc/self", name).read_text().splitlines()
            ]
        except OSError:  # a kernel without user namespaces
            continue
        if not any(first <= ids[0] and ids[-1] < first + count for first, _, count in rows):
            return False
    return True


def _effective_capabilities() -> int:
    rows = dict(line.partition(":")[::2] for line in Path("/proc/self/status").read_text().splitlines())
    return int(rows["CapEff"], 16)
