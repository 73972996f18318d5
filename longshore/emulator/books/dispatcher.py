"""The WSGI application that passes requests to moto: to the services and operations in `services` alone.

It takes the place of moto's own dispatcher, which answers for every service. Of those, several run Docker
containers with folders of the host, and others open connections.
"""

from __future__ import annotations

import errno
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any
from xml.parsers.expat import ExpatError

from longshore.emulator import json_protocol
from longshore.emulator.books import additions
from longshore.emulator.books.moto_errors import usable_error
from longshore.emulator.books.patched import write_request_ids
from longshore.emulator.books.patching import put
from longshore.emulator.books.routing import OPERATION, REGION, Environ, Route, route
from longshore.emulator.faults import AwsError, not_implemented

_log = logging.getLogger("longshore.emulator")

# A request of JSON to its response.
Operation = Callable[[dict[str, Any]], dict[str, Any]]

_MOST_LOGGED = 1000  # different sentences
# What in moto runs programs. Other services of moto's import these when they have something to be run.
_RUNNERS = ("moto.awslambda.utils", "moto.awslambda.models", "moto.batch.models", "moto.stepfunctions.models")


class Dispatcher:
    """Passes requests to moto.

    Calling it raises AwsError for requests that are refused, and for those at which moto fails.

    Args:
        region: The only region of the emulator.
        own: The operations of services that moto does not answer for, by 'service:Operation'.
        undo: Takes what makes moto as it was.
    """

    def __init__(self, region: str, own: Mapping[str, Operation], undo: ExitStack) -> None:
        from moto.moto_server import werkzeug_app

        self._region = region
        self._own = own
        self._undo = undo
        self._lock = threading.Lock()
        self._apps: dict[str, Any] = {}
        self._logged: set[str] = set()
        put(undo, werkzeug_app, "DISABLE_GLOBAL_CORS", True)
        _run_nothing(undo)
        _use_decision(undo)
        write_request_ids(undo)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return self._ask(route(environ, self._region), start_response)
        except AwsError as error:
            if error.status == 501:
                self._log_once(error.message)
            raise

    def _ask(self, asked: Route, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not asked.service.package:
            request = json_protocol.parse(asked.environ["wsgi.input"].read())
            return json_protocol.respond(self._own[asked.name](request), start_response)
        started: list[Any] = []

        def keep(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            started[:] = status, headers

        try:
            body = self._app(asked.service.package)(asked.environ, keep)
        except (AwsError, ConnectionError, TimeoutError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise _failure(asked.name, error) from error
        status, headers = started
        if int(status[:3]) < 400:
            start_response(status, headers)
            return body  # type: ignore[no-any-return]
        try:
            data = b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        instead = usable_error(asked.environ, asked.name, int(status[:3]), headers, data)
        if instead is not None:
            raise instead
        start_response(status, headers)
        return [data]

    def _app(self, package: str) -> Any:
        with self._lock:
            if package not in self._apps:
                from moto.moto_server.werkzeug_app import create_backend_app

                additions.install(package, self._undo)
                self._apps[package] = create_backend_app(package)  # type: ignore[arg-type]
            return self._apps[package]

    def _log_once(self, message: str) -> None:
        with self._lock:
            if message in self._logged or len(self._logged) >= _MOST_LOGGED:
                return
            self._logged.add(message)
        _log.warning("%s", message)


def _run_nothing(undo: ExitStack) -> None:
    """Stop moto from running anything, whatever may lead to it: an import of None fails."""
    from moto.utilities.docker_utilities import DockerModel

    def refuse(_: object) -> None:
        raise RuntimeError("moto must not run Docker containers")

    put(undo, DockerModel, "docker_client", property(refuse))
    modules = sys.modules
    for name in _RUNNERS:
        if name not in modules:
            modules[name] = None  # type: ignore[assignment]
            undo.callback(modules.pop, name, None)


def _use_decision(undo: ExitStack) -> None:
    """Have moto take the operation and the region from our decision instead of its own."""
    from moto.core.responses import BaseResponse

    get_action, get_region = BaseResponse._get_action, BaseResponse.get_region_from_url

    def decided_action(response: Any) -> str:
        decided = response.normalized_request.environ.get(OPERATION)
        return decided or get_action(response)

    def decided_region(response: Any, request: Any, full_url: str) -> str:
        return request.environ.get(REGION) or get_region(response, request, full_url)

    put(undo, BaseResponse, "_get_action", decided_action)
    put(undo, BaseResponse, "get_region_from_url", decided_region)


def _failure(asked: str, error: Exception) -> AwsError:
    _log.debug("moto failed at %s", asked, exc_info=error)
    if isinstance(error, NotImplementedError):
        return not_implemented(f"The emulator has no {asked}.")
    if isinstance(error, ExpatError):
        return AwsError("MalformedXML", f"The body is no XML: {error}.")
    lines = f"{type(error).__name__}: {error}".splitlines()
    return not_implemented(f"The emulator cannot answer {asked}: moto failed with {lines[0][:200]}")
