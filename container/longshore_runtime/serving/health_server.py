"""The servers in the supervisor that answer /ping (health.py) and /metrics (metrics_page.py).

Each has a socket and one thread from the start: where no thread can be started any more, /ping still
answers, and a slow scrape delays no /ping. nginx is the only client, so that a request is one small read.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from longshore_runtime import logs, problem
from longshore_runtime.serving.health import Health
from longshore_runtime.serving.metrics_page import CONTENT_TYPE

log = logs.get("health")

HEALTH_SOCKET, METRICS_SOCKET = "health.sock", "metrics.sock"
_BACKLOG = 2048  # with fewer a burst of /ping would get 502 from nginx
_HEAD_BYTES = 16_384
_SILENT_SECONDS = 1.0  # for a client to send its request
_SEND_SECONDS = 5.0  # for nginx to take the answer

# An answer's status, Content-Type and body.
Answer = tuple[int, str | None, bytes]


def ping(health: Health) -> Answer:
    """Return the answer to /ping."""
    why_not = health.why_not()
    return (200, None, b"") if why_not is None else (503, problem.CONTENT_TYPE, problem.body(503, why_not))


def scrape(page: Callable[[], bytes]) -> Answer:
    """Return the answer to /metrics."""
    return 200, CONTENT_TYPE, page()


class Answerer:
    """Answers each request on a unix socket with what `answer` returns, in one thread.

    owner: the user that may connect, beside root; None where that is this process's own.
    """

    def __init__(self, path: Path, answer: Callable[[], Answer], owner: int | None) -> None:
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        if owner is not None:
            os.chown(path, owner, -1)
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._since: dict[socket.socket, float] = {}  # when each connection came, the oldest first
        self._thread = threading.Thread(target=self._run, name=path.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select(_SILENT_SECONDS if self._since else None):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._serve(key.fileobj)
            self._close_silent_ones()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # the client has gone
            return
        except OSError:
            log.exception("a connection cannot be accepted")
            time.sleep(_SILENT_SECONDS)
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        self._since[connection] = time.monotonic()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client has gone
            head = connection.recv(_HEAD_BYTES)
            if head:
                status, content_type, body = self._answer_or_500()
                lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}"]
                if content_type is not None:
                    lines.append(f"Content-Type: {content_type}")
                connection.settimeout(_SEND_SECONDS)
                text = "\r\n".join([*lines, "Connection: close", "", ""])
                connection.sendall(text.encode() + (b"" if head.startswith(b"HEAD ") else body))
        self._close(connection)

    def _answer_or_500(self) -> Answer:
        try:
            return self._answer()
        except Exception:  # whatever a damaged file of metrics leads to
            log.exception("%s failed", self._thread.name)
            return 500, problem.CONTENT_TYPE, problem.body(500, "The log of the container says why.")

    def _close_silent_ones(self) -> None:
        while self._since:
            connection, since = next(iter(self._since.items()))
            if time.monotonic() - since < _SILENT_SECONDS:
                break
            self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        del self._since[connection]
        self._selector.unregister(connection)
        connection.close()
