"""The first process of a serving container: starts nginx and gunicorn, watches both, stops both.

    start    gunicorn first, which takes longest; the sockets for events and /ping stand before who uses them
    serve    wait for whatever comes first: a child's exit, a failed load, a signal; SIGHUP reloads the
             model (reloading.py)
    drain    /ping says 503; nginx refuses with 503, and closes the connections with that; a moment later it
             reloads: when its old workers, who finish what is in flight, are gone, nobody waits for an answer
    stop     gunicorn, then nginx, and what does not go by itself is killed

The first exit ends the group, and the exit code is that of what ended it (128 + the signal's number
for a signal); a drain that was asked for exits 0. As PID 1 this process also reaps orphans.
"""

from __future__ import annotations

import os
import pwd
import select
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from longshore_runtime import contract, descriptors, hiding, logs, machine, signals
from longshore_runtime import settings as settings_module
from longshore_runtime.errors import StartError
from longshore_runtime.serving import deaths, draining, events, golden, nginx, privileges, streams
from longshore_runtime.serving.children import Children
from longshore_runtime.serving.generation import Generation
from longshore_runtime.serving.metrics_page import MetricsPage
from longshore_runtime.serving.reloading import Generations
from longshore_runtime.serving.resources import Resources
from longshore_runtime.settings import Settings

if TYPE_CHECKING:
    from longshore_runtime.serving.emf import Emf

log = logs.get("serve")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
# For the clients to be refused on the connections they keep: nginx's reload closes what is left of those.
_REFUSE_SECONDS = 0.2
_STOP_SECONDS = 2.0  # for a child with nothing in flight to end by itself
_LOOK_AGAIN_SECONDS = 0.05
_LEAVE_SECONDS = 10  # beyond the longest request: for nginx to close the connections it does not use


class Supervisor:
    """One run of serve: run() starts all, and returns the exit code when all has ended."""

    def __init__(self, settings: Settings, program_dir: Path, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._program_dir = program_dir
        self._environ = environ
        self._children = Children()
        self._signals: list[int] = []
        self._emf: Emf | None = None

    def run(self) -> int:
        """Serve until something ends it. Raises StartError where the start is not possible."""
        golden.refuse_missing(self._settings)
        nginx.refuse_taken_port(self._settings)
        self._streams = streams.Streams()
        try:
            return self._run()
        finally:
            self._streams.end()

    def _run(self) -> int:
        with tempfile.TemporaryDirectory(prefix="longshore-", ignore_cleanup_errors=True) as folder:
            self._run_dir = Path(folder)
            self._run_dir.chmod(0o755)  # the workers may be another user
            events.refuse_long_path(self._run_dir)
            self._wakeup = signals.pipe()
            os.set_blocking(self._wakeup, False)
            for number in (*STOP_SIGNALS, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, lambda *_: None)  # the wakeup pipe carries the number
            try:
                self._start()
                return self._serve()
            finally:
                self._children.kill_all()
                if self._emf is not None:
                    self._emf.end()

    # Start

    def _start(self) -> None:
        if self._settings.algorithm is not None:
            hiding.hide()  # from the program, which may be of our own user
        self._proxy_user, self._worker_user = self._users()
        if self._settings.algorithm is not None:
            privileges.keep_for(self._run_dir, self._proxy_user)  # programs get no request past nginx
        nginx.prepare(self._run_dir, self._program_dir, self._settings)
        self._resources = Resources(self._run_dir, self._settings.max_payload_mb)
        leave_seconds = self._settings.timeout + _LEAVE_SECONDS
        self._metrics = MetricsPage(
            self._run_dir,
            self._worker_user,
            lambda: self._generations.serving.health.ready,
            self._streams.dropped,
        )
        self._generations = Generations(self._generation, self._children, leave_seconds)
        # Only now, when gunicorn imports what it needs: a start waits for that, and not for this.
        from longshore_runtime.serving import health_server

        proxy = None if self._proxy_user is None else self._proxy_user.pw_uid
        answerers = [
            health_server.Answerer(
                self._run_dir / health_server.HEALTH_SOCKET,
                lambda: health_server.ping(self._generations.serving.health),
                proxy,
            ),
            health_server.Answerer(
                self._run_dir / health_server.METRICS_SOCKET,
                lambda: health_server.scrape(self._metrics.page),
                proxy,
            ),
        ]
        user = None
        if os.geteuid() == 0:
            proxy_user = self._proxy_user
            user = ("root", "root") if proxy_user is None else privileges.name_and_group(proxy_user)
        command = nginx.command(self._run_dir, user)
        self._children.spawn("nginx", command, self._run_dir, nginx.environment(self._environ))
        log.info(
            "starting on %s:%d: %d %s workers, %d s a request, bodies up to %d MB, as %s",
            self._settings.host,
            self._settings.port,
            self._settings.workers,
            self._settings.worker_class,
            self._settings.timeout,
            self._settings.max_payload_mb,
            self._worker_user.pw_name if self._worker_user else f"user {os.geteuid()}",
        )
        for sentence in settings_module.unknown_names(self._environ):
            log.warning(sentence)
        for answerer in answerers:
            answerer.start()
        if self._settings.emf_namespace is not None:
            from longshore_runtime.serving.emf import Emf  # which few have

            self._emf = Emf(self._settings.emf_namespace, self._metrics, sys.stderr)
            self._emf.start()

    def _generation(self, number: int) -> Generation:
        # A program may use all the memory and all the disk that there is: a task without room fails alone.
        resources = self._resources.why_not if self._settings.algorithm is None else lambda: None
        generation = Generation(
            number,
            self._run_dir,
            self._settings,
            self._worker_user,
            self._proxy_user,
            resources,
            self._metrics,
        )
        try:
            generation.start(self._children, self._program_dir, self._environ)
        except StartError:
            generation.remove()
            raise
        return generation

    def _users(self) -> tuple[pwd.struct_passwd | None, pwd.struct_passwd | None]:
        """The users that nginx's workers and gunicorn become; None for those that stay who we are."""
        user = privileges.unprivileged_user()
        if user is None:
            return None, None
        if why_not := privileges.why_not(user, [self._run_dir]):
            log.warning("all processes stay root: %s", why_not)
            return None, None
        if self._settings.algorithm is not None:
            return user, None  # the program may have to become another user, and /input is root's to make
        trees = (self._program_dir, self._settings.model_dir)
        if why_not := privileges.why_not(user, privileges.PYTHON, trees):
            log.warning("the workers stay root: %s", why_not)
            return user, None
        return user, user

    # Serve

    def _serve(self) -> int:
        while True:
            self._wait(_LOOK_AGAIN_SECONDS if self._generations.busy else None)
            serving = self._generations.serving
            if (failure := serving.failure(self._children)) is not None:
                code, message = failure
                if serving.could_not_load:
                    descriptors.write_to_stderr(f"{message}\n".encode(errors="backslashreplace"))  # in one go
                else:
                    log.error("%s: ending the rest", message)
                serving.health.drain()
                self._children.kill(serving.name)  # nothing in it is worth a gentle end
                return self._stop(code)
            if (code_of_nginx := self._code_of_nginx()) is not None:
                return self._stop(code_of_nginx)
            if self._signals:
                return self._drain()
            self._generations.step()

    def _drain(self) -> int:
        self._generations.abandon()
        serving = self._generations.serving
        serving.health.drain()
        name = deaths.name_of_signal(self._signals[0])
        log.info("%s: finishing what is in flight, %d s at most", name, contract.DRAIN_SECONDS)
        began = time.monotonic()
        draining.begin(serving.folder)
        master = self._children.pid("nginx")
        old_workers = machine.children(master) if serving.health.ready else set()
        reloaded = False
        while old_workers & machine.children(master) or self._tasks_run():
            if len(self._signals) > 1:
                name = deaths.name_of_signal(self._signals[1])
                log.warning("%s while stopping: ending at once", name)
                return 128 + self._signals[1]
            if (failure := serving.failure(self._children)) is not None:
                log.error("%s: ending the rest", failure[1])
                return self._stop(failure[0])
            if (code := self._code_of_nginx()) is not None:
                return self._stop(code)
            seconds = time.monotonic() - began
            if not reloaded and seconds > _REFUSE_SECONDS:
                self._children.signal("nginx", signal.SIGHUP)
                reloaded = True
            if seconds > contract.DRAIN_SECONDS:
                log.warning(
                    "not everything in flight ended within %d s: cutting it off", contract.DRAIN_SECONDS
                )
                for generation in self._generations.all:
                    self._children.kill(generation.name)  # nginx then answers 502 for what it computed
                break
            self._wait(_LOOK_AGAIN_SECONDS)
        return self._stop(0)

    def _tasks_run(self) -> bool:
        """Whether the algorithm runner, where it serves, has anything left to do."""
        serving = self._generations.serving
        return self._settings.algorithm is not None and bool(serving.health.ready - serving.drained)

    def _stop(self, code: int) -> int:
        """End every child, gunicorn first, so that nginx can still answer for it; returns code."""
        order = [(generation.name, int(signal.SIGTERM)) for generation in self._generations.all]
        for name, number in (*order, ("nginx", signal.SIGQUIT)):
            deadline = time.monotonic() + _STOP_SECONDS
            self._children.signal(name, number)
            while self._children.runs(name) and time.monotonic() < deadline and len(self._signals) < 2:
                self._wait(_LOOK_AGAIN_SECONDS)
            self._children.kill(name)
        log.info("stopped, exit code %d", code)
        return code

    def _code_of_nginx(self) -> int | None:
        """The exit code where nginx has ended; gunicorn's end is its generation's."""
        if "nginx" not in self._children.exited:
            return None
        code = self._children.exited["nginx"]
        log.error("nginx ended by %s: ending the rest", deaths.cause(code))
        return deaths.exit_code(code)

    def _wait(self, seconds: float | None) -> None:
        """Wait for a signal, an exit or an event, at most so many seconds, and take in all there is."""
        generations = self._generations.all
        select.select([self._wakeup, *(g.receiver.fileno() for g in generations)], [], [], seconds)
        try:
            numbers = os.read(self._wakeup, 4096)
        except BlockingIOError:
            numbers = b""
        self._signals += [number for number in numbers if number in STOP_SIGNALS]
        if signal.SIGHUP in numbers:
            if self._settings.algorithm is None:
                self._generations.reload()
            else:
                log.warning("SIGHUP: there is no model to load anew; start the server anew")
        for generation in generations:
            generation.take_in()
        self._children.reap()
