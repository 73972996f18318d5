"""The emulator's HTTP server, and who answers what: SageMaker's services and pages here, the rest moto."""

from __future__ import annotations

import errno
import json
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any

from cheroot import server as cheroot_server
from cheroot import wsgi

from longshore.emulator import control_plane, runtime
from longshore.emulator.aws_protocols import signing_name
from longshore.emulator.bodies import read_body
from longshore.emulator.books.downloads import Downloads
from longshore.emulator.error_responses import refuse
from longshore.emulator.faults import AwsError, request_id
from longshore.emulator.origins import foreign
from longshore.emulator.platform import Platform
from longshore.engines.base import HOST_PREFIX
from longshore.errors import UserError

_log = logging.getLogger("longshore.emulator")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Page = Callable[[Platform, Environ, StartResponse], Iterable[bytes]]

_THREADS = 128  # requests that are answered at the same time; more wait
_IDLE_SECONDS = 75  # until a kept connection without requests is closed
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_ENDPOINT = re.compile(r"/endpoints/([^/]+)/(.+)")
# Where pages live; S3 has no bucket of this name, because an underscore is not allowed in one.
PAGES = "/_longshore/"
LOOPBACK = "127.0.0.1"
_IMAGES = ("Image", "TrainingImage", "ImageUri")  # the members of requests that name what is to run


class Front:
    """The WSGI application.

    pages: the handlers of '/' and of paths below PAGES, by path. admits: which addresses may ask, where
    containers do; for them nothing is run on this machine, because who is in a container is to stay there.
    """

    def __init__(
        self,
        platform: Platform,
        pages: dict[str, Page] | None = None,
        admits: Callable[[str], bool] | None = None,
    ) -> None:
        self._platform = platform
        self._pages = pages or {}
        self._admits = admits
        self._moto = platform.books.application
        self._downloads = Downloads(platform.books)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = signing_name(environ)
        try:
            if self._admits is not None and not self._admits(environ["REMOTE_ADDR"]):
                raise AwsError(
                    "AccessDeniedException", "Only the emulator's own containers may ask here.", 403
                )
            if service in ("", "sagemaker"):
                called = _ENDPOINT.fullmatch(path)
                posts = environ["REQUEST_METHOD"] == "POST"
                if called and posts and called[2] in runtime.ROUTES:
                    self._check_origin(environ)
                    self._check_region(scope)
                    return runtime.answer(called[2], self._platform, called[1], environ, start_response)
                # Unsigned it may be S3's, of a bucket that is called endpoints; its POSTs have a query.
                if called and (service or (posts and not environ["QUERY_STRING"])):
                    asked = f"{environ['REQUEST_METHOD']} {path}"
                    raise AwsError("UnknownOperationException", f"The emulator does not know {asked}.", 404)
                target = environ.get("HTTP_X_AMZ_TARGET", "")
                operation = control_plane.find_operation(service, environ["REQUEST_METHOD"], path, target)
                if operation is not None:
                    self._check_origin(environ)
                    self._check_region(scope)
                    return self._control(operation, environ, start_response)
            # What AWS clients send to '/' is signed, or no GET.
            page = None if service else self._pages.get(path)
            if page is not None and (path != "/" or environ["REQUEST_METHOD"] == "GET"):
                self._check_origin(environ)
                return page(self._platform, environ, start_response)
            return self._downloads(environ, start_response) or self._ask_moto(environ, start_response)
        except AwsError as error:
            return refuse(error, environ, start_response)
        except (ConnectionError, TimeoutError):
            raise  # the client has gone, or stopped sending: the connection is closed
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                return self._fail(environ, start_response)
            # A status that no client tries again: it would only wait for what does not get better.
            full = AwsError("InsufficientStorage", f"The emulator's disk is full: {error}.", 507)
            return refuse(full, environ, start_response)
        except Exception:  # noqa: BLE001  # any fault of ours is told, and the server goes on
            return self._fail(environ, start_response)

    def _fail(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        _log.exception("%s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"])
        fault = AwsError("InternalFailure", "The emulator failed; its output has the traceback.", 500)
        return refuse(fault, environ, start_response)

    def _control(
        self, operation: control_plane.Operation, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        request = control_plane.parse_request(operation, read_body(environ))
        if self._admits is not None:
            _refuse_programs_of_this_machine(request)
        payload = json.dumps(operation.handler(self._platform, request)).encode()
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(payload)))]
        start_response("200 OK", [*headers, *request_id()])
        return [payload]

    def _ask_moto(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._moto(environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            self._platform.books.changed()
        return answer

    def _check_origin(self, environ: Environ) -> None:
        origin = foreign(self._platform, environ)
        if origin is not None:  # a job can run any program of this machine
            raise AwsError("AccessDeniedException", f"Pages of {origin} may not use this emulator.", 403)

    def _check_region(self, scope: re.Match[str] | None) -> None:
        if scope is not None and scope[1] != self._platform.region:
            raise AwsError(
                "ValidationException",
                f"This emulator is {self._platform.region}, and the request is for {scope[1]}: set "
                f"AWS_DEFAULT_REGION, or start it with --region {scope[1]}.",
            )


class Server(wsgi.Server):
    """cheroot. UserError at once where the port cannot be had; port 0 takes a free one."""

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        super().__init__(
            (host, port), None, numthreads=_THREADS, server_name="longshore", request_queue_size=1024,
            timeout=_IDLE_SECONDS, shutdown_timeout=1,
        )  # fmt: skip
        self.keep_alive_conn_limit = 1024
        self.gateway = _Gateway
        self.ConnectionClass = _Connection
        try:
            self.prepare()
        except OSError as error:
            raise UserError(
                "longshore emulate",
                f"port {port} of {host} cannot be had: {error}.",
                "End what listens there, or choose another one: --port 4600 (0 takes any free one).",
            ) from None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.bind_addr[1])

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """cheroot's own messages; those about clients that hang up are none of anybody's business."""
        if level >= logging.ERROR:
            _log.log(level, msg, exc_info=traceback)


class _Request(cheroot_server.HTTPRequest):
    # The stock reader drops headers with an underscore, which S3's x-amz-meta-* may have.
    header_reader = cheroot_server.HeaderReader()


class _Connection(cheroot_server.HTTPConnection):
    RequestHandlerClass = _Request


class _Gateway(wsgi.Gateway_10):
    def get_environ(self) -> Any:
        environ = super().get_environ()  # type: ignore[no-untyped-call]
        environ["longshore.socket"] = self.req.conn.socket  # to see whether a client is still there
        kept = {}
        for raw in self.req.inheaders:
            name = raw.decode("latin-1")
            if "_" in name and name.lower().startswith("x-amz-meta-"):
                kept["HTTP_" + name.upper().replace("-", "_")] = name
        if kept:
            environ["moto.preserved_header_names"] = kept
        return environ


def _refuse_programs_of_this_machine(value: Any) -> None:
    """AwsError where a request, or what is in it, names one as an image."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in _IMAGES and str(member).startswith(HOST_PREFIX):
                raise AwsError("AccessDeniedException", f"A container may not have {member} run.", 403)
            _refuse_programs_of_this_machine(member)
    elif isinstance(value, list):
        for item in value:
            _refuse_programs_of_this_machine(item)
