"""gunicorn's configuration: limits come from the one Settings, a worker's life is told to the supervisor.

The user that the workers become is the supervisor's decision, and comes on the command line.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from gunicorn.glogging import Logger

from longshore_runtime import hiding, logs, settings
from longshore_runtime.errors import StartError
from longshore_runtime.serving import blackbox, child_processes, events, fullness
from longshore_runtime.serving import workers as workers_module

environ = dict(os.environ)  # before the model can change it
serve_settings = settings.load(environ)
if serve_settings.run_dir is None:
    raise StartError("LONGSHORE_RUN_DIR", "it is not set.", "Start gunicorn by serve, which sets it.")
run_dir = serve_settings.run_dir
if serve_settings.algorithm is not None:
    hiding.hide()  # from the program, which may be of our own user; the workers inherit it

bind = f"unix:{run_dir}/predictor.sock"
worker_tmp_dir = str(run_dir)
workers = serve_settings.workers
worker_class = workers_module.worker_class(serve_settings.worker_class)
threads = serve_settings.http_threads
worker_connections = 1024 + threads  # gunicorn wants more than threads
# A worker that does not even notice the time is stuck in a call that holds the interpreter: gunicorn
# ends it. That comes after the watchdog, which sees all other hangs and knows more about them.
timeout = serve_settings.timeout + 5
graceful_timeout = 25
# Longer than nginx keeps an idle connection: only nginx closes them, so no request meets a closing one.
keepalive = 120
control_socket_disable = True
limit_request_line = 8190  # as long as nginx takes them
# The parser in Python: the compiled one is not published for every Python this project runs on.
http_parser = "python"


class JsonLogger(Logger):  # type: ignore[misc]  # gunicorn is published without types
    """gunicorn's own lines, in the shape of all others. No access log: nginx writes it."""

    error_log: Any

    def setup(self, cfg: Any) -> None:
        logs.configure(serve_settings.log_level)
        self.error_log.propagate = True  # of the registry: the model's code may use this name
        self.error_log = logs.get("gunicorn.error")  # out of reach of the model's own logging


logger_class = JsonLogger


def pre_fork(server: Any, worker: Any) -> None:
    """In gunicorn's master: give the worker the lowest number that no living one has, and its black box."""
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
    worker.box = blackbox.BlackBox()
    worker.told_to_end = False
    server.starting = worker
    for stream in (sys.stdout, sys.stderr):  # what load() has printed so far is the master's
        with contextlib.suppress(Exception):  # of an object that the model has put there
            stream.flush()


def post_fork(server: Any, worker: Any) -> None:
    """In the worker, before it loads."""
    blackbox.mine.adopt(worker.box)
    fullness.mine.adopt(worker.slot, run_dir)
    child_processes.prepare(worker)


def child_exit(server: Any, worker: Any) -> None:
    """In gunicorn's master, when a worker has died of whatever cause."""
    fullness.mine.gone(worker.slot, run_dir)
    events.send(run_dir, events.WorkerGone(worker.pid))
