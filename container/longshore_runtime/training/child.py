"""The child process that trains.

Training runs in a process of its own, in a session of its own, so that whatever becomes of it, a crash
in native code, the out-of-memory killer or a signal, this process is left to report it. This process
keeps nothing else: it passes signals on, reaps, and waits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from longshore_runtime import machine, signals
from longshore_runtime.errors import StartError

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_TAIL_BYTES = 4096


@dataclass(frozen=True)
class Ended:
    """How the child ended. code: as in subprocess, negative for a signal. stopped_by: the signal passed on
    to it. outlasted: it was killed because it did not heed that signal. report: what it wrote to its report
    pipe. stderr: the end of what it wrote there.
    """

    code: int
    stopped_by: signal.Signals | None
    outlasted: bool
    report: str
    stderr: str


class Child:
    """One child, and the signals meant for it. Made early: a signal that comes first is passed on then.

    grace: seconds between the signal passed on and SIGKILL. A second signal kills at once.
    """

    def __init__(self, grace: int) -> None:
        self.grace = grace
        self._group: int | None = None
        self._stopped_by: signal.Signals | None = None
        self._outlasted = False
        self._wakeup = signals.pipe()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
                signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._kill)

    def run(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, reports: bool = False) -> Ended:
        """Start it, wait for the end of it and of its process group; StartError where it cannot be started.

        reports: whether it takes, as one more argument, the descriptor of the pipe to write its report to.
        """
        read_end, write_end = os.pipe()
        try:
            process = subprocess.Popen(
                [*argv, str(write_end)] if reports else argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[write_end] if reports else [],
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise _cannot_start(argv[0], error) from None
        finally:
            os.close(write_end)
        assert process.stderr is not None
        echo = _Echo(process.stderr)
        self._group = process.pid
        if self._stopped_by:
            self._signal_group(self._stopped_by)
        process.returncode = code = self._wait(process.pid)
        if self._stopped_by:  # a shell dies of the signal before its children, which may be saving
            self._wait_for_group()
        self._kill()
        self._group = None
        signal.alarm(0)
        return Ended(code, self._stopped_by, self._outlasted, _read_report(read_end), echo.end())

    def _wait(self, pid: int) -> int:
        """Wait for this process, reaping all others: as PID 1 this process inherits every orphan."""
        while True:
            for reaped, code in machine.reaped():
                if reaped == pid:
                    return code
            os.read(self._wakeup, 4096)

    def _wait_for_group(self) -> None:
        while self._signal_group(0) and not self._outlasted:
            with contextlib.suppress(ChildProcessError):  # what is left has another parent
                os.waitpid(-1, os.WNOHANG)
            time.sleep(0.05)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self._stopped_by:
            self._kill()
            return
        self._stopped_by = signal.Signals(number)
        _say(f"train: passing {self._stopped_by.name} on; what runs has {self.grace} s to end\n".encode())
        signal.alarm(self.grace)
        if self._group is not None:
            self._signal_group(number)

    def _kill(self, number: int = 0, _frame: FrameType | None = None) -> None:
        if self._signal_group(signal.SIGKILL) and number == signal.SIGALRM:
            self._outlasted = True

    def _signal_group(self, number: int) -> bool:
        """Send a signal to the child's process group; False where nothing is left of it."""
        # PermissionError: what is left of it has become another user.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._group is not None:
                os.killpg(self._group, number)
                return True
        return False


class _Echo:
    """Passes the child's stderr through to ours, and keeps the end of it for the failure file."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._tail = b""
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def end(self) -> str:
        """What came last, once all of it has come; a process that left the group is not waited for."""
        self._thread.join(timeout=1)
        return self._tail.decode(errors="replace")

    def _copy(self) -> None:
        while chunk := os.read(self._pipe.fileno(), 65536):
            self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
            _say(chunk)


def _say(text: bytes) -> None:
    """Write to stderr without Python's buffer, which a signal handler must not enter while it is in use."""
    with contextlib.suppress(OSError):  # nobody reads our stderr: training goes on
        while text:
            text = text[os.write(2, text) :]


def _read_report(read_end: int) -> str:
    """What the child wrote, now that it has ended; processes that left its group may hold the pipe open."""
    os.set_blocking(read_end, False)
    try:
        return os.read(read_end, 65536).decode(errors="replace")
    except BlockingIOError:
        return ""
    finally:
        os.close(read_end)


def _cannot_start(program: str, error: Exception) -> StartError:
    """Why this program, which is there and executable, cannot be started."""
    first_line = b""
    with contextlib.suppress(OSError), Path(program).open("rb") as file:
        first_line = file.readline(256)
    if isinstance(error, FileNotFoundError) and first_line.startswith(b"#!"):
        interpreter = first_line[2:].rstrip(b"\n").decode(errors="replace").strip(" ")
        return StartError(
            program,
            f"its first line asks for {interpreter!r}, which is not here.",
            "Save the file with Unix line ends." if interpreter.endswith("\r") else "Name one that is.",
        )
    return StartError(
        program,
        f"it cannot be started: {error}.",
        "A script needs a #! line, a binary this machine's architecture.",
    )
