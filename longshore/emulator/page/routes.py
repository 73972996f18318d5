"""The page's paths, and who may ask for them.

guard.py refuses requests of other origins. A handler that changes something also requires JSON, which pages
of other origins cannot send without a preflight request.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from longshore.emulator.bodies import read_body
from longshore.emulator.guard import PAGES
from longshore.emulator.page import invoke, views
from longshore.emulator.platform import Platform
from longshore.emulator.server import Environ, Page, StartResponse
from longshore.engines.choose import explain

_HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]
_REQUEST_MAX = 36 * 2**20  # bytes: a body of 25 MB in base64, and what goes with it

Query = dict[str, str]


class _Refused(Exception):
    """status: as WSGI wants it."""

    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status


def _file(name: str, content_type: str) -> Page:
    @functools.cache
    def read() -> bytes:
        return importlib.resources.files(__package__).joinpath(name).read_bytes()

    return _guarded("GET", lambda platform, environ: (content_type, read()))


def _told(view: Callable[[Platform, Query], Any]) -> Page:
    def handle(platform: Platform, environ: Environ) -> tuple[str, bytes]:
        query = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            return _json(view(platform, query))
        except (KeyError, ValueError) as error:
            raise _Refused("400 Bad Request", f"The query is not the page's: {error}") from None

    return _guarded("GET", handle)


def _emulator(platform: Platform, _: Query) -> dict[str, str]:
    return {
        "address": platform.address,
        "account": platform.account,
        "region": platform.region,
        "engines": explain(),
    }


def _invoke(platform: Platform, environ: Environ) -> tuple[str, bytes]:
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
        raise _Refused("415 Unsupported Media Type", "The form's request is application/json.")
    if int(environ.get("CONTENT_LENGTH") or 0) > _REQUEST_MAX:
        raise _Refused("413 Content Too Large", "SageMaker takes 25 MB, and the form no more than that.")
    try:
        return _json(invoke.invoke(platform, json.loads(read_body(environ))))
    except ValueError as error:
        raise _Refused("400 Bad Request", str(error)) from None


def _guarded(method: str, handle: Callable[[Platform, Environ], tuple[str, bytes]]) -> Page:
    def page(platform: Platform, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        status = "200 OK"
        try:
            if environ["REQUEST_METHOD"] != method:
                raise _Refused("405 Method Not Allowed", f"This takes {method}.")
            content_type, body = handle(platform, environ)
        except _Refused as refused:
            status, content_type, body = refused.status, "text/plain; charset=utf-8", str(refused).encode()
        start_response(
            status, [("Content-Type", content_type), ("Content-Length", str(len(body))), *_HEADERS]
        )
        return [body]

    return page


def _json(answer: Any) -> tuple[str, bytes]:
    return "application/json", json.dumps(answer).encode()


PAGE: dict[str, Page] = {
    "/": _file("page.html", "text/html; charset=utf-8"),
    f"{PAGES}page.css": _file("page.css", "text/css; charset=utf-8"),
    **{
        f"{PAGES}{name}": _file(name, "text/javascript; charset=utf-8")
        for name in ("page.js", "elements.js", "form.js")
    },
    f"{PAGES}emulator": _told(_emulator),
    f"{PAGES}overview": _told(views.overview),
    f"{PAGES}detail": _told(views.detail),
    f"{PAGES}invoke": _guarded("POST", _invoke),
}
