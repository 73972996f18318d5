"""The supervisor's child processes, by name: started, reaped, ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from longshore_runtime import machine
from longshore_runtime.errors import StartError

_LOOK_AGAIN_SECONDS = 0.01
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Children:
    """exited holds the exit codes of those that have ended, negative for a signal's number."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}  # each is also the process's group
        self.exited: dict[str, int] = {}

    def spawn(
        self,
        name: str,
        command: list[str],
        folder: Path,
        environ: Mapping[str, str],
        *,
        user: pwd.struct_passwd | None = None,
    ) -> None:
        """Start this program in this folder, as this user where one is given. Raises StartError."""
        # In a process group of its own, so that Ctrl-C at a terminal reaches the supervisor alone. Not in a
        # session: where nothing else groups processes, Linux shares the processors among sessions first, and
        # nginx waited 0.1 s for its turn beside workers that compute (docs/architecture.md).
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                process_group=0,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  # one system call, which takes no lock
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
            )
        except OSError as error:
            raise StartError(
                name, f"cannot be started: {error.strerror}.", "Raise the limits of processes and memory."
            ) from None
        self._pids[name] = process.pid
        process.returncode = 0  # reap() waits for it: Popen must not

    def reap(self) -> None:
        """Take in who has ended, orphans that PID 1 inherits included."""
        for pid, code in machine.reaped():
            for name, child in self._pids.items():
                if child == pid:
                    self.exited[name] = code

    def pid(self, name: str) -> int:
        return self._pids[name]

    def runs(self, name: str) -> bool:
        return name in self._pids and name not in self.exited

    def signal(self, name: str, number: int) -> None:
        if self.runs(name):
            os.kill(self._pids[name], number)

    def kill(self, name: str) -> None:
        """Kill all that is left of a child's process group: killed itself, it leaves its own children."""
        if name in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pids[name], signal.SIGKILL)
            self.reap()
            while self.runs(name):
                time.sleep(_LOOK_AGAIN_SECONDS)
                self.reap()

    def kill_all(self) -> None:
        for name in self._pids:
            self.kill(name)

    def forget(self, name: str) -> None:
        """Of one that has ended, and whose end was meant."""
        del self._pids[name]
        self.exited.pop(name, None)


def _end_with_parent() -> None:
    """In a child before its program starts: have the kernel end it should the supervisor itself be killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
