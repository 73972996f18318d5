"""The emulator's HTTP server, and who answers what: SageMaker's services and pages here, the rest moto."""

from __future__ import annotations

import errno
import logging
import re
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from cheroot import server as cheroot_server
from cheroot import wsgi

from longshore.emulator import control_plane, json_protocol, runtime
from longshore.emulator.aws_protocols import check_region, signing_name
from longshore.emulator.bodies import read_body
from longshore.emulator.books.downloads import Downloads
from longshore.emulator.error_responses import refuse
from longshore.emulator.faults import AwsError
from longshore.emulator.guard import REFUSAL, REQUEST
from longshore.emulator.host_programs import refuse_endpoint_of_host_programs, refuse_host_programs
from longshore.emulator.platform import Platform
from longshore.emulator.refused_connections import SECONDS, RefusedConnections
from longshore.emulator.transfer_coding import ChunkedBody, buffered
from longshore.errors import UserError

_log = logging.getLogger("longshore.emulator")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Page = Callable[[Platform, Environ, StartResponse], Iterable[bytes]]

_THREADS = 128  # requests that are answered at the same time; more wait
_STOP_SECONDS = 5  # for requests that are being answered at the end
_IDLE_SECONDS = 75  # until a kept connection without requests is closed
_LENGTH = re.compile(rb"[0-9]{1,18}")  # int() also takes signs and underscores, and no more than 4300 digits
_ENDPOINT = re.compile(r"/endpoints/([^/]+)/(.+)")
LOOPBACK = "127.0.0.1"
# Headers that decide who may send a request, and what it is.
_ONCE = {
    *(b"Host", b"Origin", b"Authorization", b"Content-Length", b"X-Amz-Target"),
    *(b"Sec-Fetch-Site", b"Sec-Fetch-Mode", b"Sec-Fetch-Dest"),
}


class Front:
    """The WSGI application.

    Args:
        pages: the handlers of '/' and of paths below PAGES, by path.
        for_containers: whether containers send the requests. For them no program of this machine is run,
            because they would not be confined any more.
    """

    def __init__(
        self, platform: Platform, pages: dict[str, Page] | None = None, *, for_containers: bool = False
    ) -> None:
        self._platform = platform
        self._pages = pages or {}
        self._for_containers = for_containers
        self._moto = platform.books.application
        self._downloads = Downloads(platform.books)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        service = signing_name(environ)
        try:
            if service in ("", "sagemaker"):
                called = _ENDPOINT.fullmatch(path)
                posts = environ["REQUEST_METHOD"] == "POST"
                if called and posts and called[2] in runtime.ROUTES:
                    check_region(environ, self._platform.region)
                    if self._for_containers:
                        refuse_endpoint_of_host_programs(self._platform, called[1])
                    return runtime.answer(called[2], self._platform, called[1], environ, start_response)
                # Unsigned it may be S3's, of a bucket that is called endpoints; its POSTs have a query.
                if called and (service or (posts and not environ["QUERY_STRING"])):
                    asked = f"{environ['REQUEST_METHOD']} {path}"
                    raise AwsError("UnknownOperationException", f"The emulator does not know {asked}.", 404)
                target = environ.get("HTTP_X_AMZ_TARGET", "")
                operation = control_plane.find_operation(service, environ["REQUEST_METHOD"], path, target)
                if operation is not None:
                    check_region(environ, self._platform.region)
                    return self._control(operation, environ, start_response)
            # What AWS clients send to '/' is signed, or no GET.
            page = None if service else self._pages.get(path)
            if page is not None and (path != "/" or environ["REQUEST_METHOD"] == "GET"):
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
        if self._for_containers:
            refuse_host_programs(self._platform, operation.name, request)
        return json_protocol.respond(operation.handler(self._platform, request), start_response)

    def _ask_moto(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._moto(environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            self._platform.books.changed()
        return answer


class Server(wsgi.Server):
    """cheroot. UserError at once where the port cannot be had; port 0 takes a free one.

    Args:
        refusal: returns why a new connection's client is refused, None if it is admitted.
    """

    def __init__(
        self, port: int, refusal: Callable[[socket.socket], str | None], host: str = LOOPBACK
    ) -> None:
        super().__init__(
            (host, port), None, numthreads=_THREADS, server_name="longshore", request_queue_size=1024,
            timeout=_IDLE_SECONDS, shutdown_timeout=1,
        )  # fmt: skip
        self.keep_alive_conn_limit = 1024
        self.refusal = refusal
        self.gateway = _Gateway
        self.ConnectionClass = _Connection
        try:
            self.prepare()
        except OSError as error:
            raise UserError(
                "longshore emulate",
                f"port {port} of {host} is not available: {error}.",
                "End what listens there, or choose another one: --port 4600 (0 takes any free one).",
            ) from None
        self._refused = RefusedConnections()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.bind_addr[1])

    def process_conn(self, conn: _Connection) -> None:
        """Have a connection answered that has a request, or is new."""
        if conn.refusal is None:
            super().process_conn(conn)
        else:
            self._refused.put(conn)

    def stop(self) -> None:
        """Take no more requests, and give those that are being answered a while to end.

        cheroot would wait for ever, for a handler that does not end or a client that does not read.
        """
        stopping = threading.Thread(target=super().stop, name="stop", daemon=True)
        stopping.start()
        stopping.join(_STOP_SECONDS)
        self._refused.stop()

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        """cheroot's own messages; those about clients that hang up are none of anybody's business."""
        if level >= logging.ERROR:
            _log.log(level, msg, exc_info=traceback)


class _Headers(dict[bytes, bytes]):
    def __setitem__(self, name: bytes, value: bytes) -> None:
        if name in self and name in _ONCE:
            raise ValueError(f"The header {name.decode()} is there twice.")
        super().__setitem__(name, value)


class _HeaderReader(cheroot_server.HeaderReader):
    """Refuses headers that two programs could read differently: cheroot takes the last of several, and any
    integer for a length, and WSGI does not tell an underscore from a dash.
    """

    def __call__(self, rfile: Any, hdict: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
        read: dict[bytes, bytes] = super().__call__(rfile, _Headers())
        if not _LENGTH.fullmatch(read.get(b"Content-Length", b"0")):
            raise ValueError("Malformed Content-Length header.")
        if hdict is None:
            return read
        hdict.update(read)
        return hdict

    def _allow_header(self, key_name: bytes) -> bool:
        # S3's metadata may have underscores.
        return b"_" not in key_name or key_name.lower().startswith(b"x-amz-meta-")


class _Request(cheroot_server.HTTPRequest):
    header_reader = _HeaderReader()
    chunked_body: ChunkedBody | None = None

    def send_headers(self) -> None:
        # A body that was not read to its end would be taken for the next request.
        if self.chunked_body is not None and not self.chunked_body.ended:
            self.close_connection = True
        super().send_headers()


class _Connection(cheroot_server.HTTPConnection):
    RequestHandlerClass = _Request

    def __init__(self, server: Server, sock: socket.socket, *more: Any) -> None:
        super().__init__(server, sock, *more)
        # Now, because clients may hang up once they have sent their request.
        try:
            self.refusal = server.refusal(sock)
        except Exception as error:  # noqa: BLE001  # cheroot would stop accepting
            _log.warning("A connection was refused: whose it is cannot be seen: %s", error)
            self.refusal = "The emulator cannot see whose this connection is; its output says why."
        if self.refusal is not None:
            sock.settimeout(SECONDS)


class _Gateway(wsgi.Gateway_10):
    def get_environ(self) -> Any:
        environ = super().get_environ()  # type: ignore[no-untyped-call]
        environ[REQUEST] = self.req
        environ[REFUSAL] = self.req.conn.refusal
        environ["longshore.socket"] = self.req.conn.socket  # to see whether a client is still there
        if self.req.chunked_read:
            environ["wsgi.input"], self.req.chunked_body = buffered(self.req.conn.rfile)
        kept = {}
        for raw in self.req.inheaders:
            name = raw.decode("latin-1")
            if "_" in name and name.lower().startswith("x-amz-meta-"):
                kept["HTTP_" + name.upper().replace("-", "_")] = name
        if kept:
            environ["moto.preserved_header_names"] = kept
        return environ
