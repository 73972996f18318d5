"""The worker classes gunicorn is given, and what they answer to a request they cannot parse.

nginx refuses nearly all such requests before; what it lets through, a control character in a header for
example, gunicorn would answer with a page of HTML.
"""

from __future__ import annotations

import contextlib
import logging
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName, ParseException

from app import problem
from app.serving.threads import ThreadWorker

log = logging.getLogger("worker")


class Problems:
    """Mixed into a worker class: errors of gunicorn's own as problem+json."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer on the connection `client`, which gunicorn closes afterwards."""
        # A header that the answer was to carry is not the caller's doing.
        ours = isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName)
        if isinstance(exc, ParseException) and not ours:
            status, detail = 400, f"The request cannot be read: {exc}."
            log.warning("refused a request that cannot be read: %.300s", exc)
        else:
            status, detail = 500, "The server failed on this request; the container's log says how."
            log.error("a request failed outside the application", exc_info=exc)
        body = problem.body(status, detail)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
            f"Content-Type: {problem.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with contextlib.suppress(OSError):  # the client may have gone
            util.write_nonblock(client, head.encode() + body)


def worker_class(name: str) -> type[Any]:
    """The class for gthread or gevent, with Problems mixed in."""
    base = ThreadWorker if name == "gthread" else util.load_class(name)
    return type(base.__name__, (Problems, base), {})
