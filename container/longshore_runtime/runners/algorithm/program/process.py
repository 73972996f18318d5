"""Runs a program as a child: with a deadline, until it ends or is stopped, and nothing of it stays behind.

What is of a program: its session, which most of what it starts shares; and whatever holds, in the
environment it was started with, the mark that is new for each run. So a daemon is found that left the
session, and one whose parents have ended. What has left the session and overwritten its environment too
(to show a title in `ps`, as nginx does) is not found, and lives as long as the container.

Threads wait, nothing here needs a signal handler, so many programs can be run at once from any thread. Not
pidfds: the kernel under SageMaker may be older. Children outlive this process only where it is killed
outright; serve then ends, and with it the container.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import secrets
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.program.launch import launch
from longshore_runtime.runners.algorithm.program.output import Lines
from longshore_runtime.runners.algorithm.program.users import Identity

log = logs.get("process")

_MARK = "LONGSHORE_RUN"
_LOOK_FOR_STOP = 0.25  # seconds; an end is noticed at once
_LOOK_FOR_END = 0.02  # seconds between two looks at what is being stopped
_MOST_SECONDS_OF_KILLING = 5.0
_MOST_LOOKS = 100  # where others start processes without end


# Seconds: the most grace where the server itself is stopping, and has 30 s in all (A3).
LAST_GRACE = 18
_LEAVING = 5  # seconds: what stopping a task, and storing its result file, may take beside its grace


def may_run_on(seconds: float, grace: float) -> float:
    """For how many seconds a task may go on where the server ends in so many, and then has this grace."""
    return seconds - min(grace, LAST_GRACE) - _LEAVING


@dataclass(frozen=True)
class Program:
    """What to run. environ: all of it, but for HOME where the identity has one. folder: where it starts,
    None for ours. memory_mb: the most data each of its processes may have, None for no limit.
    grace: seconds between SIGTERM and SIGKILL.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path | None
    identity: Identity
    memory_mb: int | None
    grace: float


@dataclass(frozen=True)
class Ended:
    """How a program ended. code: its exit code, or minus the signal. timed_out, stopped: why we ended it.
    seconds: from its start to its own end.
    """

    code: int
    timed_out: bool
    stopped: bool
    seconds: float


class Process:
    """One program that has been started; finish() must be called. Thread-safe."""

    def __init__(self, program: Program, lines: Lines) -> None:
        """Start it; lines reads its output. Raises TaskError (START) where it cannot be started."""
        run = secrets.token_hex(16)
        self._mark = f"{_MARK}={run}".encode()
        self._grace = program.grace
        self._lines = lines
        self._ended = threading.Event()
        self.code = -int(signal.SIGKILL)
        self._finishing = threading.Lock()
        self._finished = False
        environ = {**program.environ, _MARK: run}
        if program.identity.home is not None:
            environ["HOME"] = program.identity.home
        self.begun = time.monotonic()
        self.seconds = 0.0  # from its start to its end, once that has come
        self._popen = launch(program.argv, environ, program.folder, program.identity, program.memory_mb)
        self.pid = self._popen.pid
        assert self._popen.stdout is not None and self._popen.stderr is not None
        try:
            lines.read(self._popen.stdout, self._popen.stderr)
            threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True).start()
        except BaseException:  # no thread can be started
            self._kill()
            self._popen.wait()
            raise

    def wait(self, seconds: float | None) -> int | None:
        """Its exit code, or minus the signal that ended it; None where it still runs so much later."""
        return self.code if self._ended.wait(seconds) else None

    def stop(self, most_grace: float = math.inf) -> None:
        """End all of it: SIGTERM, its grace or less, SIGKILL."""
        deadline = time.monotonic() + min(self._grace, most_grace)
        self._signal_all(signal.SIGTERM)
        # Not for the program itself alone: a shell dies before its children, which may be saving.
        while time.monotonic() < deadline and self._living():
            time.sleep(_LOOK_FOR_END)
        self._kill()

    def finish(self) -> None:
        """Kill what is left of it, take the rest of its output, reap it."""
        self._kill()
        ended = self._ended.wait(_MOST_SECONDS_OF_KILLING)
        with self._finishing:
            if self._finished:
                return
            self._finished = True
            self._lines.finish()
            if ended:
                self._popen.wait()

    def _wait(self) -> None:
        # It stays a zombie: until it is reaped no other process or group can get its number.
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        self.code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        self.seconds = time.monotonic() - self.begun
        self._ended.set()

    def _kill(self) -> None:
        """SIGKILL all of it until nothing lives: between two looks it may have started more."""
        deadline = time.monotonic() + _MOST_SECONDS_OF_KILLING
        while left := self._signal_all(signal.SIGKILL):
            if time.monotonic() > deadline:
                log.warning("processes %s do not end, though killed", left)
                return
            time.sleep(_LOOK_FOR_END / 10)

    def _signal_all(self, number: signal.Signals) -> list[int]:
        """Send this signal once to all that lives; returns which processes that were."""
        living = self._living()
        if self.pid in living.values():
            # The whole group in one call: none of it can start another meanwhile.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
        for pid, group in living.items():
            if group != self.pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        return list(living)

    def _living(self) -> dict[int, int]:
        """All that is of this program and has not ended, with its process group each.

        A process may start another and end while we look. So we look until a look shows nothing new: what
        lived then has been seen alive, and only what is of this program starts more of it.
        """
        found: dict[int, int] = {}
        if self._finished:  # its number may be another's by now
            return found
        seen: set[str] = set()
        for _ in range(_MOST_LOOKS):
            names = set(filter(str.isdigit, os.listdir("/proc")))  # noqa: PTH208  # the names are wanted
            if names <= seen:
                break
            for name in names - seen:
                pid = int(name)
                with contextlib.suppress(OSError):  # it ends just now, or is hidden
                    ours = os.getsid(pid) == self.pid or self._mark in _environ(name).split(b"\0")
                    if ours and not _has_ended(name):
                        found[pid] = os.getpgid(pid)
            seen |= names
        return found


def run(program: Program, seconds: float, stop: threading.Event, lines: Lines) -> Ended:
    """Run it to its end, for so many seconds at most, and no longer than until stop is set.

    Raises TaskError (START) where it cannot be started.
    """
    process = Process(program, lines)
    deadline = process.begun + seconds
    timed_out = stopped = False
    try:
        while process.wait(min(_LOOK_FOR_STOP, max(0.0, deadline - time.monotonic()))) is None:
            timed_out = time.monotonic() >= deadline
            stopped = not timed_out and stop.is_set()
            if timed_out or stopped:
                process.stop(LAST_GRACE if stopped else math.inf)
                break
    finally:
        process.finish()
    return Ended(process.code, timed_out, stopped, process.seconds)


def how_it_ended(code: int) -> str:
    """In words that follow "ended": "with code 3", "by SIGKILL"."""
    if code >= 0:
        return f"with code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:  # most real-time signals have no name
        return f"by signal {-code}"


def _has_ended(pid: str) -> bool:
    """Whether it is a zombie. stat: pid (name) state ...; the name may hold anything."""
    return Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")


def _environ(pid: str) -> bytes:
    """The environment this process was started with; empty where we may not see it."""
    path = Path("/proc", pid, "environ")
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
