"""gunicorn's master with one thing more to say: why a worker has died, and when there is no use in going on.

Run as `python -m longshore_runtime.serving.gunicorn_master` with gunicorn's own command line.
"""

from __future__ import annotations

import gc

# Nothing that is imported goes again, and to look for what could go takes a tenth of the time of the imports.
# _import_for_workers() has the collector go on.
gc.disable()

import faulthandler
import importlib
import os
import signal
import sys
import time
from typing import Any, NoReturn

from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from longshore_runtime import descriptors, logs, machine
from longshore_runtime.serving import deaths, events, forking, golden, loading, metrics_page, retries
from longshore_runtime.serving import gunicorn_conf as conf
from longshore_runtime.serving.hangs import Hangs

log = logs.get("workers")

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Master(Arbiter):  # type: ignore[misc]  # gunicorn is published without types
    """Starts and ends workers as gunicorn's does. Each has a BlackBox, `box`, from gunicorn_conf.pre_fork."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._oom = deaths.OomKills()
        self._hangs = Hangs(conf.run_dir, conf.serve_settings.timeout, self.kill_worker)
        self._loop = deaths.CrashLoop(self.cfg.workers)
        self._retries = retries.Retries()
        self._answered_by_the_dead = 0
        self._ever_ready = False
        self._giving_up = False
        self.starting: Any = None  # the worker that is about to be forked: see gunicorn_conf.pre_fork

    def start(self) -> None:
        """Listen, and load the model where the workers are to share it: requests wait on the socket."""
        super().start()
        self._import_for_workers()
        if conf.serve_settings.algorithm is None and self.cfg.workers > 1:
            if conf.serve_settings.worker_class == "gevent":
                log.info("each worker loads the model itself: gevent changes Python before it is imported")
            elif conf.serve_settings.preload == "auto":
                self._preload()

    def _import_for_workers(self) -> None:
        """Import what each would: one that takes a dead one's place is ready a tenth of a second sooner.

        Ours only, and what that needs: nothing in it minds a fork. gevent changes Python before all imports.
        """
        if conf.serve_settings.worker_class != "gevent":
            importlib.import_module("longshore_runtime.serving.flask_app")
            if conf.serve_settings.algorithm is None:
                importlib.import_module("longshore_runtime.runners.model.runner")
        gc.freeze()
        gc.enable()

    def _preload(self) -> None:
        before, began = forking.descriptors(), time.monotonic()
        faulthandler.enable(descriptors.stderr())
        loading.shared = loading.load(conf.serve_settings)
        seconds = loading.shared_seconds = time.monotonic() - began
        faulthandler.disable()
        self.init_signals()  # the model's code may have taken some for itself
        why_not = forking.why_not(before)
        if why_not is not None:
            log.info("each worker loads the model itself: %s", why_not)
            self._begin_anew()
        gc.collect()
        gc.freeze()  # so that no collection in a worker writes to the pages they share
        log.info("the model is loaded once for %d workers, in %.2f s", self.cfg.workers, seconds)

    def _begin_anew(self) -> NoReturn:
        """Become a process that has not loaded; whoever waits on the socket goes on waiting."""
        if any(sig in _STOP_SIGNALS for sig in self.wait_for_signals(timeout=0.001)):
            sys.exit(0)  # the exec would forget it
        bind = []
        for listener in self.LISTENERS:
            os.set_inheritable(listener.fileno(), True)
            bind += ["--bind", f"fd://{listener.fileno()}"]
        descriptors.give_back_streams()
        os.chdir(self.START_CTX["cwd"])
        command = [*sys.orig_argv[:-1], *bind, sys.orig_argv[-1]]
        os.execve(sys.executable, command, {**conf.environ, "MODEL_SERVER_PRELOAD": "never"})

    def kill_worker(self, pid: int, sig: int) -> None:
        if pid in self.WORKERS and sig in (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL):
            self.WORKERS[pid].told_to_end = True
        super().kill_worker(pid, sig)

    def murder_workers(self) -> None:
        """Called every second."""
        self._oom.look()
        if conf.serve_settings.algorithm is None:  # a task has a time limit of its own
            self._hangs.look(self.WORKERS)
        if self._serving() >= self.num_workers:
            self._retries.worked()
        super().murder_workers()

    def spawn_workers(self) -> None:
        if self._retries.due:
            super().spawn_workers()

    def spawn_worker(self) -> int | None:
        """Start a worker. Where none can be forked, others that serve go on."""
        if not self._retries.due:
            return None
        self.starting = None
        try:
            return int(super().spawn_worker())
        except OSError as error:  # here in the master alone: the child always ends by SystemExit
            if self.starting is not None:
                self.starting.tmp.close()
                self.starting.box.close()
            message = f"a worker could not be started: {error.strerror}"
            self._look_who_is_ready()
            if not self._ever_ready:
                told = f"serve: {message}. Raise the limits of processes and memory."
                events.send(conf.run_dir, events.LoadFailed(self.pid, told))
                self._give_up(events.LOAD_FAILED_CODE)
                return None
            self._not_started(message, events.LOAD_FAILED_CODE)
            return None

    def reap_workers(self) -> None:
        for pid, code in machine.reaped():
            worker = self.WORKERS.pop(pid, None)
            if worker is not None:  # otherwise an orphan, where this is PID 1, or a load's child process
                self._buried(worker, code)

    def _buried(self, worker: Any, code: int) -> None:
        worker.tmp.close()
        self.cfg.child_exit(self, worker)
        box = worker.box
        if worker.aborted and code == -signal.SIGKILL:
            # It may have been killed while it showed its stacks, in the middle of a line: ours are whole.
            descriptors.write_to_stderr(b"\n")
        self._look_who_is_ready(worker)
        too_late = box.trying_since is not None and worker.aborted
        if too_late:
            code = events.LOAD_FAILED_CODE
            message = f"{golden.too_late(conf.serve_settings)} Its stacks are above."
            events.send(conf.run_dir, events.LoadFailed(worker.pid, message))
        # worker.aborted: gunicorn had not heard from it, and asked it to end.
        timed_out = box.timed_out or worker.aborted
        if too_late or (code in (self.WORKER_BOOT_ERROR, self.APP_LOAD_ERROR) and box.ready_at is None):
            if self._ever_ready:
                self._not_started(f"worker {worker.pid} could not load", code)
            else:
                self._give_up(code)  # it has said why itself
        elif timed_out or not (worker.told_to_end and code in (0, -signal.SIGTERM, -signal.SIGKILL)):
            self._answered_by_the_dead += box.answered
            self._mourn(worker, code, timed_out)
        else:
            self._answered_by_the_dead += box.answered
        box.close()

    def _serving(self) -> int:
        """Return how many workers have loaded and live."""
        return sum(worker.box.ready_at is not None for worker in self.WORKERS.values())

    def _look_who_is_ready(self, *dead: Any) -> None:
        """Note whether any worker has ever been ready. dead: one that is no longer in WORKERS."""
        workers = (*self.WORKERS.values(), *dead)
        self._ever_ready = self._ever_ready or any(one.box.ready_at is not None for one in workers)

    def _not_started(self, message: str, code: int) -> None:
        """Try again later, unless no worker serves and start after start has failed."""
        events.send(conf.run_dir, events.StartFailed())
        if self._loop.died(self._answered(), None) and not self._serving():
            self._end_of_loop(code, f"crash loop: no worker serves, and start after start failed: {message}")
            return
        seconds = self._retries.failed()
        log.error("%s; %d workers serve, the next start is in %.0f s", message, self._serving(), seconds)

    def _end_of_loop(self, code: int, message: str) -> None:
        events.send(conf.run_dir, events.CrashLoop(deaths.exit_code(code), message))
        self.num_workers = 0  # the supervisor ends this process

    def _answered(self) -> int:
        return self._answered_by_the_dead + sum(int(other.box.answered) for other in self.WORKERS.values())

    def _give_up(self, code: int) -> None:
        """End, with this exit code. Those that are buried meanwhile have nothing to add."""
        if not self._giving_up:
            self._giving_up = True
            raise HaltServer("Worker failed to boot.", code)

    def _mourn(self, worker: Any, code: int, timed_out: bool) -> None:
        out_of_memory = self._oom.explain(code)
        why = deaths.cause(code, timed_out=timed_out, out_of_memory=out_of_memory)
        cause = metrics_page.cause(code, timed_out=timed_out, out_of_memory=out_of_memory)
        events.send(conf.run_dir, events.WorkerDied(worker.pid, cause))
        told, fields = deaths.story(why, worker.box)
        log.error("worker %d died: %s; %s", worker.pid, why, told, extra={"fields": fields})
        if worker.box.ready_at is not None:
            self._retries.at_once()
        if timed_out:
            return  # hanging is no crash: the next request may be answered
        if worker.box.ready_at is None and self._ever_ready:
            self._not_started(f"worker {worker.pid} died before it had loaded, of {why}", code)
            return
        if self._loop.died(self._answered(), worker.box.ready_at):
            done = "it had loaded" if worker.box.ready_at is None else "anything was answered"
            self._end_of_loop(code, f"crash loop: worker after worker died before {done}, the last of {why}")


class Application(WSGIApplication):  # type: ignore[misc]  # gunicorn is published without types
    """gunicorn's own, with our master."""

    def run(self) -> None:
        Master(self).run()


if __name__ == "__main__":
    # To a pipe Python would write in blocks of 8 KB: what the model prints would come minutes later. With
    # PYTHONUNBUFFERED each argument of a print would be written alone, with nginx's lines in between.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=False)  # type: ignore[union-attr]
    Application("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn").run()
