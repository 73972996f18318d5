"""The first process of a serving container: starts nginx and gunicorn, watches both, stops both.

    start    the sockets for events and /ping stand before any child runs, so nothing is missed
    serve    wait for whatever comes first: a child's exit, a failed load, a signal
    drain    /ping says 503; nginx reloads, so that its old workers finish what is in flight while
             the new ones refuse with 503; when the old ones are gone nobody waits for an answer
    stop     gunicorn, then nginx, and what does not go by itself is killed

The first exit ends the group, and the exit code is that of what ended it (128 + the signal's number
for a signal); a drain that was asked for exits 0. As PID 1 this process also reaps orphans.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from app import contract
from app import settings as settings_module
from app.serving import deaths, draining, events, nginx, privileges, streams
from app.serving.health import Health, HealthServer
from app.settings import Settings

log = logging.getLogger("serve")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_STOP_SECONDS = 2.0  # for a child with nothing in flight to end by itself
_LOOK_AGAIN_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Supervisor:
    """One run of serve: run() starts all, and returns the exit code when all has ended."""

    def __init__(self, settings: Settings, program_dir: Path, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._program_dir = program_dir
        self._environ = environ
        self._health = Health()
        self._children: dict[str, int] = {}  # name -> pid, which is also its process group
        self._exited: dict[str, int] = {}  # name -> exit code, negative for a signal's number; in order
        self._signals: list[int] = []
        self._load_failure: str | None = None
        self._crash_loop: events.CrashLoop | None = None
        self._drained: set[int] = set()  # workers that have nothing left to do

    def run(self) -> int:
        """Serve until something ends it. Raises StartError where the start is not possible."""
        nginx.refuse_taken_port(self._settings)
        with tempfile.TemporaryDirectory(prefix="longshore-", ignore_cleanup_errors=True) as folder:
            self._run_dir = Path(folder)
            self._run_dir.chmod(0o755)  # the workers may be another user
            events.refuse_long_path(self._run_dir)
            self._wakeup, wakeup_writer = os.pipe()
            os.set_blocking(self._wakeup, False)
            os.set_blocking(wakeup_writer, False)
            signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
            for number in (*STOP_SIGNALS, signal.SIGCHLD):
                signal.signal(number, lambda *_: None)  # the wakeup pipe carries the number
            self._receiver = events.Receiver(self._run_dir)
            health_server = HealthServer(self._run_dir, self._health)
            try:
                self._start()
                health_server.start()  # a thread: only now, since the children have been forked
                return self._serve()
            finally:
                for name in self._children:
                    self._kill(name)

    # Start

    def _start(self) -> None:
        streams.append_to_files()
        proxy_user, worker_user = self._users()
        nginx.prepare(self._run_dir, self._program_dir, self._settings)
        draining.prepare(self._run_dir)
        command = [sys.executable, "-m", "app.serving.gunicorn_master"]
        command += ["--config", "python:app.serving.gunicorn_conf"]
        if worker_user is not None:
            command += ["--user", worker_user[0], "--group", worker_user[1]]
        environ = self._gunicorn_environ()
        if worker_user is not None:
            environ["HOME"] = tempfile.gettempdir()  # root's own is closed to the user they become
        self._spawn("gunicorn", [*command, "app.serving.wsgi:application"], self._program_dir, environ)
        command = [nginx.program(), "-p", f"{self._run_dir}/", "-c", str(self._run_dir / nginx.CONF_NAME)]
        if os.geteuid() == 0:
            command += ["-g", f"user {' '.join(proxy_user or ('root', 'root'))};"]
        access_log = self._access_log()
        self._spawn("nginx", command, self._run_dir, self._environ, stdout=access_log)
        if access_log is not None:
            os.close(access_log)  # so that cat ends when nginx does
        log.info(
            "starting on %s:%d: %d %s workers, %d s a request, bodies up to %d MB, as %s",
            self._settings.host,
            self._settings.port,
            self._settings.workers,
            self._settings.worker_class,
            self._settings.timeout,
            self._settings.max_payload_mb,
            worker_user[0] if worker_user else f"user {os.geteuid()}",
        )
        for sentence in settings_module.unknown_names(self._environ):
            log.warning(sentence)

    def _users(self) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
        """User and group that nginx's and gunicorn's workers become; None for those that stay who we are."""
        user = privileges.unprivileged_user()
        if user is None:
            return None, None
        became = privileges.name_and_group(user)
        if why_not := privileges.why_not(user, [self._run_dir]):
            log.warning("all processes stay root: %s", why_not)
            return None, None
        if self._settings.algorithm is not None:
            return became, None  # the program may have to become another user, and /input is root's to make
        trees = (self._program_dir, self._settings.model_dir)
        if why_not := privileges.why_not(user, privileges.PYTHON, trees):
            log.warning("the workers stay root: %s", why_not)
            return became, None
        return became, became

    def _gunicorn_environ(self) -> dict[str, str]:
        # Each worker keeps a file of its own in each: its counters, its socket.
        metrics, sockets = self._run_dir / "metrics", self._run_dir / "workers"
        for folder in (metrics, sockets):
            folder.mkdir()
            folder.chmod(0o777)
        environ = {**self._environ, **self._settings.thread_pools}
        environ["LONGSHORE_RUN_DIR"] = str(self._run_dir)
        environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        return environ

    def _access_log(self) -> int | None:
        """The stdout for nginx: None for our own; where nginx cannot open that, a pipe that cat passes on."""
        if streams.stdout_can_be_opened():
            return None
        reading, writing = os.pipe()
        cat = shutil.which("cat") or "/bin/cat"
        self._spawn("access log", [cat], self._run_dir, self._environ, stdin=reading)
        os.close(reading)
        return writing

    def _spawn(
        self,
        name: str,
        command: list[str],
        folder: Path,
        environ: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = None,
    ) -> None:
        # In a session of its own, so that Ctrl-C at a terminal reaches the supervisor alone.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=stdin,
            stdout=stdout,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # no thread runs yet: run() starts them after
        )
        self._children[name] = process.pid
        process.returncode = 0  # _reap waits for it: Popen must not

    # Serve

    def _serve(self) -> int:
        while True:
            self._wait(None)
            if self._load_failure is not None:
                sys.stderr.write(f"{self._load_failure}\n")  # in one go: the workers write there, too
                self._kill("gunicorn")  # nothing in it is worth a gentle end
                return self._stop(events.LOAD_FAILED_CODE)
            if self._crash_loop is not None:
                self._health.drain()
                log.error("%s: ending the rest", self._crash_loop.message)
                self._kill("gunicorn")
                return self._stop(self._crash_loop.exit_code)
            if self._exited:
                return self._stop(self._code_of_first_exit())
            if self._signals:
                return self._drain()

    def _drain(self) -> int:
        self._health.drain()
        number = self._signals[0]
        name = deaths.name_of_signal(number)
        log.info("%s: finishing what is in flight, %d s at most", name, contract.DRAIN_SECONDS)
        deadline = time.monotonic() + contract.DRAIN_SECONDS
        master = self._children["nginx"]
        old_workers = nginx.workers(master) if self._health.ready else set()
        if old_workers:
            nginx.refuse_from_next_reload(self._run_dir)
            os.kill(master, signal.SIGHUP)
        draining.begin(self._run_dir)
        while old_workers & nginx.workers(master) or self._tasks_run():
            if len(self._signals) > 1:
                log.warning("%s while stopping: ending at once", deaths.name_of_signal(self._signals[1]))
                return 128 + self._signals[1]
            if self._exited:
                return self._stop(self._code_of_first_exit())
            if time.monotonic() > deadline:
                log.warning(
                    "not everything in flight ended within %d s: cutting it off", contract.DRAIN_SECONDS
                )
                self._kill("gunicorn")  # nginx then answers 502 for what it computed
                break
            self._wait(_LOOK_AGAIN_SECONDS)
        return self._stop(0)

    def _tasks_run(self) -> bool:
        """Whether the algorithm runner, where it serves, has anything left to do."""
        return self._settings.algorithm is not None and bool(self._health.ready - self._drained)

    def _stop(self, code: int) -> int:
        """End every child, gunicorn first, so that nginx can still answer for it; returns code."""
        # The access log's cat ends by itself, with nginx.
        for name, number in (("gunicorn", signal.SIGTERM), ("nginx", signal.SIGQUIT), ("access log", 0)):
            deadline = time.monotonic() + _STOP_SECONDS
            if self._runs(name):
                os.kill(self._children[name], number)
            while self._runs(name) and time.monotonic() < deadline and len(self._signals) < 2:
                self._wait(_LOOK_AGAIN_SECONDS)
            self._kill(name)
        log.info("stopped, exit code %d", code)
        return code

    def _code_of_first_exit(self) -> int:
        name, code = next(iter(self._exited.items()))
        # Neither child has leave to go: one that ends by itself with 0 has failed all the same.
        log.error("%s ended by %s: ending the rest", name, deaths.cause(code))
        return deaths.exit_code(code)

    # What comes in

    def _wait(self, seconds: float | None) -> None:
        """Wait for a signal, an exit or an event, at most so many seconds, and take in all there is."""
        select.select([self._wakeup, self._receiver.fileno()], [], [], seconds)
        try:
            numbers = os.read(self._wakeup, 4096)
        except BlockingIOError:
            numbers = b""
        self._signals += [number for number in numbers if number in STOP_SIGNALS]
        for event in self._receiver.receive():
            match event:
                case events.WorkerReady():
                    self._health.worker_ready(event.pid)
                    log.info("worker %d has loaded in %.2f s", event.pid, event.seconds)
                case events.WorkerGone():
                    self._health.worker_gone(event.pid)
                case events.WorkerHealth():
                    self._health.worker_health(event.pid, event.why_not)
                case events.WorkerDrained():
                    self._drained.add(event.pid)
                case events.LoadFailed():
                    self._load_failure = self._load_failure or event.message
                case events.CrashLoop():
                    self._crash_loop = event
        self._reap()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for name, child in self._children.items():  # otherwise an orphan that PID 1 inherits
                if child == pid:
                    self._exited[name] = os.waitstatus_to_exitcode(status)

    def _runs(self, name: str) -> bool:
        return name in self._children and name not in self._exited

    def _kill(self, name: str) -> None:
        """Kill all that is left of a child's process group: killed itself, it leaves its own children."""
        if name in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._children[name], signal.SIGKILL)
            while self._runs(name):
                self._wait(_LOOK_AGAIN_SECONDS)


def _end_with_parent() -> None:
    """In a child before its program starts: have the kernel end it should the supervisor itself be killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
