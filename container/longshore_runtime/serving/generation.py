"""One gunicorn and what belongs to it: its folder of sockets, what its processes tell, whether it can serve.

There is one, and a second one while a new model is loaded: see reloading.py.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from longshore_runtime import home, launch, logs
from longshore_runtime.serving import deaths, draining, events
from longshore_runtime.serving.children import Children
from longshore_runtime.serving.health import Health
from longshore_runtime.serving.metrics_page import MetricsPage
from longshore_runtime.settings import Settings

log = logs.get("serve")

# nginx finds the workers' sockets by this name in the folder it runs in: a link to the one that serves.
LINK_NAME = "workers"


class Generation:
    """The number-th gunicorn of this run, as this user, or as the supervisor's own where there is none.

    proxy: the user of nginx's workers, None where that is the supervisor's own.
    """

    def __init__(
        self,
        number: int,
        run_dir: Path,
        settings: Settings,
        user: pwd.struct_passwd | None,
        proxy: pwd.struct_passwd | None,
        resources: Callable[[], str | None],
        metrics: MetricsPage,
    ) -> None:
        self.name = "gunicorn" if number == 1 else f"gunicorn {number}"
        self.health = Health(resources)
        self.drained: set[int] = set()  # workers that have nothing left to do
        self._run_dir = run_dir
        self._settings = settings
        self._user = user
        self._metrics = metrics
        self._load_failure: str | None = None
        self._crash_loop: events.CrashLoop | None = None
        self._oom = deaths.OomKills()
        self._serves = False
        self.ever_complete = False  # whether every worker has been ready at one time
        self.folder = run_dir / f"g{number}"
        # Only nginx may connect to the sockets in it: other clients could forge the headers that nginx sets.
        self.folder.mkdir(mode=0o700)
        if (owner := user or proxy) is not None:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        if user is None and not os.access(self.folder, os.W_OK | os.X_OK):  # root without CAP_DAC_OVERRIDE
            os.chown(self.folder, os.geteuid(), -1)
            self.folder.chmod(0o755)
        draining.prepare(self.folder)
        self.receiver = events.Receiver(self.folder, user)

    def start(self, children: Children, program_dir: Path, environ: Mapping[str, str]) -> None:
        """Start gunicorn as the child of this generation's name."""
        environ = {**environ, **self._settings.thread_pools}
        environ["LONGSHORE_RUN_DIR"] = str(self.folder)
        environ["PROMETHEUS_MULTIPROC_DIR"] = str(self._metrics.folder)
        environ |= home.variables(environ, self._make_home, self._user)
        command = launch.command(
            "longshore_runtime.serving.gunicorn_master",
            "--config",
            "python:longshore_runtime.serving.gunicorn_conf",
            "longshore_runtime.serving.wsgi:application",
        )
        children.spawn(self.name, command, program_dir, environ, user=self._user)

    def _make_home(self) -> Path:
        folder = self._run_dir / "home"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def serve(self) -> None:
        """Have nginx's connections come here from now on; those it has elsewhere stay."""
        link = self._run_dir / f"{LINK_NAME}.new"
        link.symlink_to(self.folder.name)
        link.replace(self._run_dir / LINK_NAME)
        self._serves = True

    def take_in(self) -> None:
        """All that the processes have told since."""
        for event in self.receiver.receive():
            match event:
                case events.WorkerReady():
                    self.health.worker_ready(event.pid)
                    self.ever_complete = self.ever_complete or self.ready
                    self._metrics.loaded(event.model_seconds)
                    log.info("worker %d has loaded in %.2f s", event.pid, event.seconds)
                case events.WorkerGone():
                    self.health.worker_gone(event.pid)
                    self._metrics.fold()
                case events.WorkerDied():
                    self._metrics.died(event.cause)
                case events.WorkerHealth():
                    self.health.worker_health(event.pid, event.why_not)
                case events.WorkerDrained():
                    self.drained.add(event.pid)
                case events.LoadFailed() if self._serves and self.health.ever_ready:
                    log.error("worker %d could not load, the others go on: %s", event.pid, event.message)
                case events.LoadFailed():
                    self._load_failure = self._load_failure or event.message
                case events.StartFailed():
                    self._metrics.start_failed()
                case events.CrashLoop():
                    self._crash_loop = event

    @property
    def ready(self) -> bool:
        """Whether every worker has loaded."""
        return len(self.health.ready) >= self._settings.workers

    def failure(self, children: Children) -> tuple[int, str] | None:
        """The exit code and the message of what makes it impossible to go on; None where nothing does."""
        if self._load_failure is not None:
            return events.LOAD_FAILED_CODE, self._load_failure
        if self._crash_loop is not None:
            return self._crash_loop.exit_code, self._crash_loop.message
        if self.name in children.exited:
            code = children.exited[self.name]
            # Where gunicorn loads the model itself, it is who dies of one that is too large.
            killed = not self.health.ever_ready and self._oom.explain(code)
            when = "" if self.health.ever_ready else " before a worker had loaded"
            cause = deaths.cause(code, out_of_memory=killed)
            return deaths.exit_code(code), f"{self.name} ended by {cause}{when}"
        return None

    @property
    def could_not_load(self) -> bool:
        """Whether the failure's message is the load's own, for the person who wrote what it loads."""
        return self._load_failure is not None

    def remove(self) -> None:
        """The folder and the descriptors, once gunicorn has ended."""
        self.receiver.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._metrics.fold()
