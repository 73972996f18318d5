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
import logging
import os
import signal
import sys
import time
from typing import Any, NoReturn

from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from longshore_runtime import machine
from longshore_runtime.serving import deaths, events, forking, golden, loading, metrics_page
from longshore_runtime.serving import gunicorn_conf as conf
from longshore_runtime.serving.hangs import Hangs

log = logging.getLogger("workers")

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Master(Arbiter):  # type: ignore[misc]  # gunicorn is published without types
    """Starts and ends workers as gunicorn's does. Each has a BlackBox, `box`, from gunicorn_conf.pre_fork."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._oom = deaths.OomKills()
        self._hangs = Hangs(conf.run_dir, conf.serve_settings.timeout, self.kill_worker)
        self._loop = deaths.CrashLoop(self.cfg.workers)
        self._answered_by_the_dead = 0
        self._giving_up = False

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
        faulthandler.enable()
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
        sys.stdout.flush()
        sys.stderr.flush()
        os.chdir(self.START_CTX["cwd"])
        command = [*sys.orig_argv[:-1], *bind, sys.orig_argv[-1]]
        os.execve(sys.executable, command, {**os.environ, "MODEL_SERVER_PRELOAD": "never"})

    def kill_worker(self, pid: int, sig: int) -> None:
        if pid in self.WORKERS and sig in (signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL):
            self.WORKERS[pid].told_to_end = True
        super().kill_worker(pid, sig)

    def murder_workers(self) -> None:
        """Called every second."""
        self._oom.look()
        if conf.serve_settings.algorithm is None:  # a task has a time limit of its own
            self._hangs.look(self.WORKERS)
        super().murder_workers()

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
            print(file=sys.stderr, flush=True)
        if code in (self.WORKER_BOOT_ERROR, self.APP_LOAD_ERROR) and box.ready_at is None:
            self._give_up(code)  # it has said why itself
            return
        if box.trying_since is not None and worker.aborted:
            message = f"{golden.too_late(conf.serve_settings)} Its stacks are above."
            events.send(conf.run_dir, events.LoadFailed(worker.pid, message))
            self._give_up(events.LOAD_FAILED_CODE)
            return
        self._answered_by_the_dead += box.answered
        # worker.aborted: gunicorn had not heard from it, and asked it to end.
        timed_out = box.timed_out or worker.aborted
        if timed_out or not (worker.told_to_end and code in (0, -signal.SIGTERM, -signal.SIGKILL)):
            self._mourn(worker, code, timed_out)
        box.close()

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
        if timed_out:
            return  # hanging is no crash: the next request may be answered
        answered = self._answered_by_the_dead + sum(other.box.answered for other in self.WORKERS.values())
        if self._loop.died(answered, worker.box.ready_at):
            done = "it had loaded" if worker.box.ready_at is None else "anything was answered"
            message = f"crash loop: worker after worker died before {done}, the last of {why}"
            events.send(conf.run_dir, events.CrashLoop(deaths.exit_code(code), message))
            self.num_workers = 0  # the supervisor ends this process


class Application(WSGIApplication):  # type: ignore[misc]  # gunicorn is published without types
    """gunicorn's own, with our master."""

    def run(self) -> None:
        Master(self).run()


if __name__ == "__main__":
    # To a pipe Python would write in blocks of 8 KB: what the model prints would come minutes later.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    Application("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn").run()
