"""Runs a program as a child: with a deadline, until it ends or is stopped, and nothing of it stays behind.

Which processes belong to a program is for members.py to say.

Threads wait, nothing here needs a signal handler, so many programs can be run at once from any thread. Not
pidfds: the kernel under SageMaker may be older. Children outlive this process only where it is killed
outright; serve then ends, and with it the container.
"""

from __future__ import annotations

import math
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.program.launch import launch
from longshore_runtime.runners.algorithm.program.members import Members, SharedMembers, TaskMembers
from longshore_runtime.runners.algorithm.program.output import Lines
from longshore_runtime.runners.algorithm.program.users import Identity

log = logs.get("process")

_MARK = "LONGSHORE_RUN"
_LOOK_FOR_STOP = 0.25  # seconds; an end is noticed at once
_LOOK_FOR_END = 0.02  # seconds between two looks at what is being stopped
_MOST_SECONDS_OF_KILLING = 5.0

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
        self._members: Members
        if program.identity.alone is not None:
            self._members = TaskMembers(program.identity.alone)
            self._popen = self._launch(program, environ)
        else:
            self._members = shared = SharedMembers(f"{_MARK}={run}".encode())
            with shared.starting():
                self._popen = self._launch(program, environ)
                shared.began(self._popen.pid)
        self.pid = self._popen.pid
        assert self._popen.stdout is not None and self._popen.stderr is not None
        try:
            lines.read(self._popen.stdout, self._popen.stderr)
            threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True).start()
        except BaseException:  # no thread can be started
            self._kill()
            self._popen.wait()
            self._members.ended()
            raise

    def _launch(self, program: Program, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return launch(program.argv, environ, program.folder, program.identity, program.memory_mb)

    def wait(self, seconds: float | None) -> int | None:
        """Its exit code, or minus the signal that ended it; None where it still runs so much later."""
        return self.code if self._ended.wait(seconds) else None

    def stop(self, most_grace: float = math.inf) -> None:
        """End all of it: SIGTERM, its grace or less, SIGKILL."""
        deadline = time.monotonic() + min(self._grace, most_grace)
        self._members.signal(signal.SIGTERM)
        # Not for the program itself alone: a shell dies before its children, which may be saving.
        while time.monotonic() < deadline and self._members.living():
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
            self._members.ended()

    def _wait(self) -> None:
        if self._members.need_pid:
            # It stays a zombie: until it is reaped no other process or group can get its number.
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            assert ended is not None
            self.code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        else:
            self.code = self._popen.wait()
        self.seconds = time.monotonic() - self.begun
        self._ended.set()

    def _kill(self) -> None:
        """SIGKILL all of it until nothing lives: between two looks it may have started more."""
        deadline = time.monotonic() + _MOST_SECONDS_OF_KILLING
        while left := self._members.signal(signal.SIGKILL):
            if time.monotonic() > deadline:
                log.warning("processes %s do not end, though killed", left)
                return
            time.sleep(_LOOK_FOR_END / 10)


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
