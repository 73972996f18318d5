"""The health authority: what /ping says, and the small server in the supervisor that says it, and /metrics.

nginx sends /ping here and never to a worker, so that it is answered in time while every worker
computes (A8, A10), and so that the answer is true: the supervisor knows which workers have loaded,
which have died or are stuck, what is nearly used up, and whether it is stopping.
"""

from __future__ import annotations

import logging
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from app import contract, problem
from app.serving.metrics_page import CONTENT_TYPE

log = logging.getLogger("health")

SOCKET_NAME = "health.sock"


class Health:
    """Whether an /invocations sent now would be served: the supervisor writes, the server's threads read.

    resources: what is nearly used up, in a sentence; asked where the workers are well.
    """

    def __init__(self, resources: Callable[[], str | None]) -> None:
        self._resources = resources
        self._ready: set[int] = set()
        self._failing: dict[int, str] = {}
        self._stopping = False
        self._ever_ready = False

    def worker_ready(self, pid: int) -> None:
        self._ready.add(pid)
        self._ever_ready = True

    def worker_health(self, pid: int, why_not: str | None) -> None:
        if why_not is None:
            self._failing.pop(pid, None)
        else:
            self._failing[pid] = why_not

    def worker_gone(self, pid: int) -> None:
        self._ready.discard(pid)
        self._failing.pop(pid, None)

    def drain(self) -> None:
        self._stopping = True

    @property
    def ready(self) -> frozenset[int]:
        """The pids of the workers that have loaded."""
        return frozenset(self._ready)

    @property
    def ever_ready(self) -> bool:
        """Whether any worker has loaded since the start."""
        return self._ever_ready

    def why_not(self) -> str | None:
        """None where requests are served; otherwise the reason they are not, in a sentence."""
        if self._stopping:
            return "The server is stopping."
        failing = dict(self._failing)  # the supervisor's thread may change it meanwhile
        if self._ready - failing.keys():
            return self._resources()
        if failing:
            return next(iter(failing.values()))
        if self._ever_ready:
            return "Every worker has died; new ones are loading the model."
        return "No worker has loaded the model yet."


class _PingHandler(BaseHTTPRequestHandler):
    """GET and POST alike: SageMaker's texts name both (A8)."""

    server: HealthServer

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == contract.METRICS:
            self._metrics()
            return
        why_not = self.server.health().why_not()
        if why_not is None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._answer(503, problem.CONTENT_TYPE, problem.body(503, why_not))

    do_POST = do_HEAD = do_GET

    def _metrics(self) -> None:
        try:
            self._answer(200, CONTENT_TYPE, self.server.metrics())
        except Exception:  # whatever a damaged file leads to
            log.exception("/metrics failed")
            self._answer(500, problem.CONTENT_TYPE, problem.body(500, "The log of the container says why."))

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: nginx writes the access log."""


class HealthServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers on a unix socket, each connection in a thread of its own, while the process lives."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, run_dir: Path, health: Callable[[], Health], metrics: Callable[[], bytes]) -> None:
        self.health = health  # whoever serves at the time
        self.metrics = metrics
        path = run_dir / SOCKET_NAME
        super().__init__(str(path), _PingHandler)
        path.chmod(0o666)  # nginx's workers may be another user than the supervisor

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": None}, daemon=True).start()
