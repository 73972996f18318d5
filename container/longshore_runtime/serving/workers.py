"""The worker classes gunicorn is given: its own, with a socket of their own and errors as JSON."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName, ParseException

from longshore_runtime import descriptors, logs
from longshore_runtime.serving import blackbox, child_processes, events, fullness, response
from longshore_runtime.serving.threads import ThreadWorker

log = logs.get("worker")

_BACKLOG = 2048


class Ours:
    """Mixed into a class of gunicorn's. slot: this worker's number, from 0; see gunicorn_conf.pre_fork."""

    slot: int
    pid: int
    cfg: Any
    sockets: list[Any]
    timeout_ctx: Any

    def run(self) -> None:
        """Serve. The model is loaded: from now on a socket of its own listens, too (nginx.conf says why)."""
        from longshore_runtime.serving import wsgi  # loaded by now, and only in a worker

        run_dir = Path(self.cfg.worker_tmp_dir)
        path = run_dir / f"{self.slot}.sock"
        path.unlink(missing_ok=True)  # a predecessor's, who has died
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o666)  # nginx's workers may be another user
        listener.listen(_BACKLOG)
        self.sockets.append(listener)
        blackbox.mine.ready()
        fullness.mine.has_room()
        events.send(run_dir, events.WorkerReady(self.pid, wsgi.load_seconds, wsgi.model_seconds))
        super().run()  # type: ignore[misc]  # of the class this is mixed into

    def leave_to_parent(self) -> None:
        """Let go of what is the worker's alone, in a child process that the user's code has forked."""
        super().leave_to_parent()  # type: ignore[misc]  # of the class this is mixed into
        for listener in self.sockets:
            child_processes.close(listener)

    def handle_winch(self, sig: int, frame: object) -> None:
        """This worker's time is over: the next answer on each connection is the last (reloading.py)."""
        self.cfg.set("keepalive", 0)
        # gevent's worker would close what it keeps after so many seconds: a request may be on its way there.
        self.timeout_ctx = contextlib.nullcontext

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer on the connection `client`, which gunicorn closes afterwards.

        nginx refuses nearly all that cannot be parsed; what it lets through, a control character in a
        header for example, gunicorn would answer with a page of HTML. The request's id is not known here:
        nginx, which has it, is sent to a place of its own and makes the answer there.
        """
        # A header that the answer was to carry is not the caller's doing.
        ours = isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName)
        if isinstance(exc, ParseException) and not ours:
            place, why = "/unreadable", re.sub(r"[^ !#-[\]-~]", "?", str(exc))[:200]
            log.warning("refused a request that cannot be read: %.300s", exc)
        else:
            place, why = "/failed", ""
            log.error("a request failed outside the application", exc_info=exc)
        head = (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n"
            f"X-Accel-Redirect: {place}\r\nX-Longshore-Unreadable: {why}\r\n\r\n"
        )
        with contextlib.suppress(OSError):  # the client may have gone
            util.write_nonblock(client, head.encode())


class _NeverStandard:
    """Mixed into gevent's worker: ThreadWorker sees to the same when it accepts."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        if client.fileno() <= 2:
            client = socket.socket(fileno=descriptors.above_standard(client.detach()))
        super().handle(listener, client, addr)  # type: ignore[misc]  # of the class this is mixed into


def worker_class(name: str) -> type[Any]:
    """The class for gthread or gevent."""
    response.use()
    if name == "gthread":
        return type("ThreadWorker", (Ours, ThreadWorker), {})
    from longshore_runtime.serving.greenlets import GreenletWorker  # gevent need not be installed

    return type("GreenletWorker", (Ours, _NeverStandard, GreenletWorker), {})
