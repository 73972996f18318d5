"""Refuses requests that web pages, other users and other containers send, before anything handles them.

Any web page that is open in a browser can send requests to 127.0.0.1, with a name of its own for that address
(DNS rebinding), and without a preflight if they look like a form's or an image's. Browsers say where such a
request comes from (Origin, Sec-Fetch-*) and to which name it was sent (Host). AWS's clients send none of the
former. docs/emulator-security.md lists the threats.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

from longshore.emulator.aws_protocols import Protocol, protocol
from longshore.emulator.bodies import BLOCK
from longshore.emulator.error_responses import refuse
from longshore.emulator.faults import AwsError

# The emulator's own pages are below; S3 has no bucket of this name, because of its underscore.
PAGES = "/_longshore/"
# Set by the server: cheroot's request, and why its client is refused (None if it is not).
REQUEST, REFUSAL = "longshore.request", "longshore.refusal"

_DELIVERED = "HTTP_X_AMZ_SNS_MESSAGE_TYPE"  # a header of all that SNS delivers
_JSON: tuple[Protocol, ...] = ("json", "rest-json", "rpc-v2-cbor")
_BUCKET_HOST = re.compile(r"[a-z0-9.-]+\.localhost")
_READ_MAX = 1 << 20  # bytes of a refused body: small ones are read, for the client to read the answer
# Documents among S3's objects get an origin of their own, from which their scripts reach nothing here.
_HEADERS = [
    ("Content-Security-Policy", "sandbox allow-scripts; frame-ancestors 'none'"),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]
_NAMES = {name.lower() for name, _ in _HEADERS}

Environ = Mapping[str, Any]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Guard:
    """A WSGI application in front of another one.

    Args:
        application: handles the requests that are admitted.
        host: the name or address under which the server answers. 127.0.0.1 includes localhost and names below
            it, which S3's clients put a bucket's name before.
        port: the server's.
        has_pages: whether the user's pages are here; containers must not reach them.
    """

    def __init__(self, application: Application, host: str, port: int, *, has_pages: bool = True) -> None:
        self._has_pages = has_pages
        self._application = application
        self._address = f"http://{host}:{port}"
        self._hosts = {host, "localhost"} if host == "127.0.0.1" else {host}
        self._port = port

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        is_page = environ["PATH_INFO"] == "/" or environ["PATH_INFO"].startswith(PAGES)

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, _closed(headers, is_page=is_page), *more)

        error = self._refusal(environ)
        if error is None:
            return self._application(environ, start)
        _end(environ)
        return refuse(error, environ, start)

    def _refusal(self, environ: Environ) -> AwsError | None:
        reason = environ[REFUSAL] or self._wrong_host(environ) or self._wrong_page(environ)
        if not self._has_pages and environ["PATH_INFO"].startswith(PAGES):
            reason = "The emulator's pages are its user's. Containers may not use them."
        if _DELIVERED in environ:
            reason = "What SNS delivers to a subscriber may not be a request to an emulator."
        if not reason:
            return None
        code = "AccessDeniedException" if protocol(environ) in _JSON else "AccessDenied"
        return AwsError(code, reason, 403)

    def _wrong_host(self, environ: Environ) -> str | None:
        given = environ.get("HTTP_HOST", "")
        name, _, port = given.lower().partition(":")
        is_ours = name in self._hosts or ("localhost" in self._hosts and _BUCKET_HOST.fullmatch(name))
        if is_ours and (port == str(self._port) or (not port and self._port == 80)):
            return None
        return f"The emulator does not answer to the Host {given!r}: send requests to {self._address}."

    def _wrong_page(self, environ: Environ) -> str | None:
        """Return why a browser's request is refused; None for one that is not, and for other clients."""
        origin = environ.get("HTTP_ORIGIN")
        site = environ.get("HTTP_SEC_FETCH_SITE")
        host = environ["HTTP_HOST"].lower()
        if origin is not None and origin.lower() != f"http://{host}":
            return f"Pages of {origin} may not use this emulator. Its own page is {self._address}."
        if origin is None and site is None and "Mozilla/" not in environ.get("HTTP_USER_AGENT", ""):
            return None
        path, query = environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        reads = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        opens = (
            reads
            and environ.get("HTTP_SEC_FETCH_MODE") == "navigate"
            and environ.get("HTTP_SEC_FETCH_DEST") == "document"
        )
        is_ours = host.partition(":")[0] in self._hosts
        is_start = is_ours and path == "/" and reads and not query
        if site in (None, "same-origin", "none"):
            # An object of S3 may be opened by its address; operations in a query may not.
            opens_object = opens and site is not None and "Action" not in parse_qs(query)
            if is_start or (is_ours and path.startswith(PAGES)) or opens_object:
                return None
        elif is_start and opens:
            return None  # a link to the page
        return f"Browsers may not use this emulator, apart from its own page: {self._address}."


def _end(environ: Environ) -> None:
    """Close the connection after the answer, else cheroot reads a body of any size into memory."""
    environ[REQUEST].close_connection = True
    body = environ["wsgi.input"]
    left = _READ_MAX if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    if left > _READ_MAX:
        return
    with contextlib.suppress(ValueError, OSError, AwsError):
        while left > 0 and (block := body.read(min(left, BLOCK))):
            left -= len(block)


def _closed(headers: list[tuple[str, str]], *, is_page: bool) -> list[tuple[str, str]]:
    """Leave out what would open an answer to other origins, and add what closes it; pages have their own."""
    kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
    if not is_page:
        kept = [(name, value) for name, value in kept if name.lower() not in _NAMES]
    present = {name.lower() for name, _ in kept}
    return [*kept, *((name, value) for name, value in _HEADERS if name.lower() not in present)]
