"""The small server in the supervisor that answers /ping (health.py) and /metrics (metrics_page.py)."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from longshore_runtime import contract, logs, problem
from longshore_runtime.serving.health import Health
from longshore_runtime.serving.metrics_page import CONTENT_TYPE

log = logs.get("health")

SOCKET_NAME = "health.sock"


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
    request_queue_size = 2048  # with fewer a burst of /ping would get 502 from nginx

    def __init__(self, run_dir: Path, health: Callable[[], Health], metrics: Callable[[], bytes]) -> None:
        self.health = health  # whoever serves at the time
        self.metrics = metrics
        path = run_dir / SOCKET_NAME
        super().__init__(str(path), _PingHandler)
        path.chmod(0o666)  # nginx's workers may be another user than the supervisor

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": None}, daemon=True).start()
