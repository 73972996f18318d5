"""`invoke` mode: the program is a web server that stays, and each task is a call of it.

    GET /health   200 once it is ready
    POST /invoke  no body; 201 once the task is done

Whether it is healthy is always known, and told at once when it changes: a thread waits for the end of the
process, and asks for /health while no task runs. While one runs it does not ask: a server that does one
thing at a time cannot answer then. What ends, hangs or stays unhealthy is started anew.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program.output import Lines
from longshore_runtime.runners.algorithm.program.process import LAST_GRACE, Process, Program, how_it_ended

log = logs.get("process")

_HOST = "127.0.0.1"
_SECONDS_BETWEEN_CHECKS = 2.0
_CHECKS_FAILED_TO_RESTART = 3  # in a row
_SECONDS_BETWEEN_CHECKS_AT_START = (0.1, 1.0)  # the first time, and after a while
_SECONDS_FOR_LAST_CHECK = 0.25  # without them it would tell of its own lack of time, not of what is wrong
_LOOK_FOR_STOP = 0.25  # seconds
_SECONDS_TO_DIE = 1.0  # between the end of a process and that of its connection, whichever is seen first
_MOST_BACKOFF = 30.0  # seconds between two starts
_SECONDS_OF_SUCCESS = 60.0  # what was healthy for so long starts anew at once
_BODY_BYTES = 64 * 1024  # of an answer's body, read only so that the program can send it
_BODY_SECONDS = 1.0


@dataclass(frozen=True)
class Invoked:
    """How a call ended. code: 0 for 201; the program's own where it ended; else 1.
    why: a sentence for the user, None with code 0. seconds: how long the call took.
    """

    code: int
    timed_out: bool
    seconds: float
    last_stderr: list[str]
    why: str | None


class WebProgram:
    """One program that serves on a port of loopback, kept alive until stop()."""

    def __init__(
        self,
        program: Program,
        port: int,
        start_seconds: float,
        call_seconds: float,
        on_health: Callable[[str | None], None],
    ) -> None:
        """start_seconds: for a start until it is healthy; call_seconds: for each GET /health.

        on_health(why_not) is called whenever its health changes: None for healthy, else a sentence.
        """
        self._program = program
        self._port = port
        self._start_seconds = start_seconds
        self._call_seconds = call_seconds
        self._on_health = on_health
        self._lines = Lines(None)
        self._process: Process | None = None
        self._turn = threading.Lock()  # held by who calls the program, or puts another in its place
        self._health = threading.Lock()
        self._why_not: str | None = "The program has not been started."
        self._healthy_since = 0.0
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="web-program", daemon=True)

    def start(self) -> None:
        """Start it and wait until it is healthy. Raises TaskError (START); nothing of it runs then."""
        self._launch()
        self._watcher.start()

    def stop(self) -> None:
        """End it, for good; what is being invoked ends as stopped."""
        self._end()
        if self._watcher.is_alive():
            self._watcher.join()

    def invoke(self, task: str, seconds: float, stop: threading.Event) -> Invoked:
        """Have it do a task, for so many seconds at most; one at a time, others wait their turn.

        Past its time the program is ended, and another started in the background. Raises TaskError: START
        where it is not healthy; STOPPED where stop is set meanwhile, which ends the program for good.
        """
        with self._turn:
            process = self._process
            if process is None or self._why_not is not None:
                raise TaskError(Reason.START, f"The program cannot take a task. {self._why_not}")
            self._lines.begin(task)
            return self._invoke(process, seconds, stop)

    def _end(self) -> None:
        self._stopped.set()
        self._tell("The program has been stopped.")
        if self._process is not None:
            self._process.stop(LAST_GRACE)  # it ends with the server
            self._process.finish()

    def _invoke(self, process: Process, seconds: float, stop: threading.Event) -> Invoked:
        call = _Call(self._port, "POST", "/invoke", seconds)
        self._follow(call, process, (stop, self._stopped))
        code, timed_out, why = 1, False, None
        if call.status == HTTPStatus.CREATED:
            code = 0
        elif call.status is not None:
            why = f"The program answered POST /invoke with status {call.status}, not 201."
        elif stop.is_set() or self._stopped.is_set():
            self._end()
            raise TaskError(Reason.STOPPED, "The server was stopped before the task had ended.")
        elif call.left() == 0:
            timed_out = True
            why = f"The program did not answer POST /invoke within {seconds:g} s."
            self._tell(f"{why} It is started anew.")
            process.stop()
            process.finish()
        elif (ended := process.wait(_SECONDS_TO_DIE)) is not None:
            code = ended or 1
            why = f"The program ended {how_it_ended(ended)} during the task."
            process.finish()
        else:
            why = f"The program did not answer POST /invoke on port {self._port}: {call.error}."
            self._tell(why)
        took = time.monotonic() - call.begun
        return Invoked(code, timed_out, took, self._lines.begin(None), why)

    def _launch(self) -> None:
        """Raises TaskError (START), as start does."""
        if _is_taken(self._port):
            taken = f"The program cannot be started: another process listens on its port, {self._port}."
            raise TaskError(Reason.START, taken)
        self._process = process = Process(self._program, self._lines)
        if (why_not := self._wait_for_health(process)) is not None:
            process.stop()
            process.finish()
            raise TaskError(Reason.START, why_not)
        self._healthy_since = time.monotonic()
        self._tell(None)

    def _wait_for_health(self, process: Process) -> str | None:
        """None once it is healthy, else why it does not become so."""
        last = process.begun + self._start_seconds - _SECONDS_FOR_LAST_CHECK
        pause, longest = _SECONDS_BETWEEN_CHECKS_AT_START
        while True:
            left = max(0.0, last - time.monotonic())
            why_not = self._check(process, min(self._call_seconds, left + _SECONDS_FOR_LAST_CHECK))
            if why_not is None:
                return None
            if (code := process.wait(min(pause, max(0.0, last - time.monotonic())))) is not None:
                return f"The program ended {how_it_ended(code)} before GET /health was answered with 200."
            if self._stopped.is_set():
                return "The program was stopped while it started."
            if not left:
                return (
                    f"The program was not healthy {self._start_seconds:g} s after its start. {why_not}"
                    f" A call of /health may take {self._call_seconds:g} s."
                )
            pause = min(longest, 1.5 * pause)

    def _check(self, process: Process, seconds: float) -> str | None:
        """Why it is not healthy, None where it is."""
        call = _Call(self._port, "GET", "/health", seconds)
        self._follow(call, process, (self._stopped,))
        if (code := process.wait(0)) is not None:  # whoever it was that answered
            return f"The program ended {how_it_ended(code)}."
        if call.status is None:
            return f"The program did not answer GET /health on port {self._port}: {call.error}."
        if call.status != HTTPStatus.OK:
            return f"The program answered GET /health with status {call.status}, not 200."
        return None

    def _follow(self, call: _Call, process: Process, stops: tuple[threading.Event, ...]) -> None:
        """Return when this call has ended; it is given up where nothing can come of it any more."""
        while not call.ended.wait(min(_LOOK_FOR_STOP, call.left())):
            if process.wait(0) is not None:
                call.ended.wait(_SECONDS_TO_DIE)  # its last words may be the answer
                break
            if call.left() == 0 or any(stop.is_set() for stop in stops):
                break
        call.give_up()

    def _watch(self) -> None:
        """In a thread of its own."""
        try:
            self._keep_alive()
        except Exception:
            log.exception("the program is not watched any more")
            self._tell("The server has lost sight of the program: its log tells why.")

    def _keep_alive(self) -> None:
        backoff = 0.0
        while not self._stopped.is_set():
            assert self._process is not None
            why_not = self._watch_over(self._process)
            if self._why_not is None:  # else it is known already, and why
                self._tell(why_not)
            with self._turn:
                self._process.stop()
                self._process.finish()
            if time.monotonic() - self._healthy_since > _SECONDS_OF_SUCCESS:
                backoff = 0.0
            while not self._stopped.wait(backoff):
                backoff = min(_MOST_BACKOFF, max(1.0, 2 * backoff))
                try:
                    self._launch()
                    break
                except TaskError as error:
                    self._tell(error.message)

    def _watch_over(self, process: Process) -> str:
        """Return once it must be started anew, with the reason."""
        failed = 0
        while (code := process.wait(_SECONDS_BETWEEN_CHECKS)) is None:
            if not self._turn.acquire(blocking=False):
                continue  # it works on a task
            try:
                why_not = self._check(process, self._call_seconds)
                self._tell(why_not)
            finally:
                self._turn.release()
            failed = 0 if why_not is None else failed + 1
            if why_not is not None and failed == _CHECKS_FAILED_TO_RESTART:
                return why_not
        return f"The program ended {how_it_ended(code)}."

    def _tell(self, why_not: str | None) -> None:
        with self._health:
            if why_not != self._why_not and not (why_not is None and self._stopped.is_set()):
                self._why_not = why_not
                self._on_health(why_not)


class _Call:
    """One HTTP exchange, in a thread of its own so that it can be given up at any point.

    status: what was answered, None before; error: what went wrong instead.
    """

    def __init__(self, port: int, method: str, path: str, seconds: float) -> None:
        self.status: int | None = None
        self.error = f"no answer within {seconds:g} s"
        self.ended = threading.Event()
        self.begun = time.monotonic()
        self._given_up = False
        self._deadline = self.begun + seconds
        self._connection = http.client.HTTPConnection(_HOST, port, timeout=max(seconds, 0.01))
        threading.Thread(target=self._run, args=(method, path), name="call", daemon=True).start()

    def left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def give_up(self) -> None:
        self._given_up = True
        sock = self._connection.sock
        if not self.ended.is_set() and sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _run(self, method: str, path: str) -> None:
        connection = self._connection
        try:
            connection.request(method, path, headers={"Connection": "close"})
            sock = connection.sock
            with connection.getresponse() as response:
                self.status = response.status
                sock.settimeout(_BODY_SECONDS)
                response.read1(_BODY_BYTES)
        except ConnectionRefusedError:
            self.error = "nothing listens there"
        except TimeoutError:
            pass
        except (OSError, http.client.HTTPException) as error:
            if not self._given_up:  # else it broke because of that
                self.error = f"the connection broke ({str(error) or type(error).__name__})"
        finally:
            connection.close()
            self.ended.set()


def _is_taken(port: int) -> bool:
    try:
        socket.create_connection((_HOST, port), timeout=1).close()
    except OSError as error:
        return isinstance(error, TimeoutError)  # somebody listens, who has no time
    return True
