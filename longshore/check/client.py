"""The HTTP client: every request results in an Exchange.

It uses sockets, because no library sends odd chunks, half a request, or two at once.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from longshore import limits
from longshore.check.exchange import BROKE_OFF, Exchange, duration, excerpt, size_of, unanswered
from longshore.check.received import Received

_KEPT = 16 * 2**20  # bytes of a body that are stored


@dataclass(frozen=True)
class Address:
    """A container's address. prefix: Path in front of /ping and /invocations, usually empty."""

    host: str
    port: int
    tls: bool = False
    prefix: str = ""

    @classmethod
    def of(cls, url: str) -> Address:
        """Parse an http(s) URL. Raises ValueError for others, and without a host or a valid port."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"{parts.scheme} is neither http nor https")
        tls = parts.scheme == "https"
        if not parts.hostname:
            raise ValueError("it names no host")
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls, parts.path.rstrip("/"))


class Connection:
    """One connection. Its methods raise OSError and http.client's exceptions."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        begun = time.monotonic()
        self.socket: socket.socket = socket.create_connection((address.host, address.port), timeout=timeout)
        self.accepted_seconds = _accepted_after(self.socket, time.monotonic() - begun)
        if address.tls:
            context = ssl.create_default_context()
            self.socket = context.wrap_socket(self.socket, server_hostname=address.host)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """Return the request line and the headers."""
        lines = [f"{method} {self._address.prefix}{path} HTTP/1.1", f"Host: {self._address.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def interim(self, seconds: float) -> bytes:
        """Return the head of one interim response; less if the connection or the time ends before it does.

        Args:
            seconds: To wait for its first byte. The whole may take as long as any answer of this connection.
        """
        usual = self.socket.gettimeout() or seconds
        received = Received(self.socket, usual, time.monotonic() + seconds)
        head = b""
        with contextlib.suppress(OSError):
            while not head.endswith(b"\r\n\r\n") and (part := received.read(1)):
                if not head:  # what has begun is read to its end: the next answer follows it
                    received.deadline = time.monotonic() + usual
                head += part
        self.socket.settimeout(usual)
        return head

    def answer(
        self,
        request: str,
        method: str,
        begun: float,
        timeout: float,
        stream_seconds: float = limits.STREAM_SECONDS,
    ) -> Exchange:
        """Read one answer.

        Args:
            begun: Start of the request, on the monotonic clock.
            timeout: Seconds for the answer; between two chunks for a chunked one.
            stream_seconds: Seconds for a chunked answer (B1).
        """
        received = Received(self.socket, timeout, time.monotonic() + timeout)
        response = received.response(method)
        response.begin()
        lines = response.getheaders()
        headers = {name.lower(): value for name, value in lines}
        header_bytes = sum(len(f"{name}: {value}\r\n") for name, value in lines)
        chunked = bool(response.chunked)
        longest = stream_seconds if chunked else timeout
        received.deadline = begun + longest
        parts, kept, failure, late = [], 0, "", False
        try:
            # Not read(), which takes a body shorter than its Content-Length for a whole one.
            while part := response.read1(65536):
                if kept < _KEPT:
                    parts.append(part)
                    kept += len(part)
            failure = BROKE_OFF if response.length else ""
        except TimeoutError:
            late = True
            failure = f"the answer had begun, and then nothing more came for {duration(timeout)}"
            if time.monotonic() >= received.deadline:
                failure = f"the answer had begun, and was not whole within {duration(longest)}"
        except (OSError, http.client.HTTPException):
            failure = BROKE_OFF
        status = None if failure else response.status
        seconds = time.monotonic() - begun
        body = b"".join(parts)
        return Exchange(request, status, headers, body, seconds, failure, chunked, late, header_bytes)


def _accepted_after(connected: socket.socket, waited: float) -> float:
    """Return the seconds that the other side took to accept a connection.

    On a busy machine this process waits longer than that, for a processor. Linux measures the handshake if
    it sent one SYN; with a full backlog it sends another one a second later.

    Args:
        waited: Seconds that this process waited.
    """
    if not sys.platform.startswith("linux"):
        return waited
    # struct tcp_info of linux/tcp.h: tcpi_rtt, in microseconds, at 68; tcpi_total_retrans at 100
    info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    microseconds, repeats = struct.unpack_from("=I28xI", info, 68)
    return waited if repeats else microseconds / 1e6


class Client:
    """Sends requests to one container, each on its own connection, and stores the errors."""

    def __init__(
        self,
        address: Address,
        patience: float,
        errors: list[Exchange] | None = None,
        stream_seconds: float = limits.STREAM_SECONDS,
    ) -> None:
        """patience: Default seconds to wait for an answer. stream_seconds: The same for a streamed answer."""
        self.address = address
        self.patience = patience
        self.stream_seconds = stream_seconds
        self.errors: list[Exchange] = [] if errors is None else errors  # every answer of 400 or more

    def connect(self, timeout: float | None = None) -> Connection:
        return Connection(self.address, self.patience if timeout is None else timeout)

    def get(self, path: str, timeout: float | None = None) -> Exchange:
        return self.send("GET", path, timeout=timeout)

    def post(
        self,
        body: bytes,
        content_type: str | None,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/invocations",
        chunks: Iterable[bytes] | None = None,
        timeout: float | None = None,
        sent: Callable[[], object] = lambda: None,
    ) -> Exchange:
        """POST /invocations. chunks: Sent instead of the body, without a Content-Length."""
        named = {} if content_type is None else {"Content-Type": content_type}
        all_headers = {**named, **(headers or {})}
        return self.send("POST", path, all_headers, body, chunks=chunks, timeout=timeout, sent=sent)

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        chunks: Iterable[bytes] | None = None,
        timeout: float | None = None,
        sent: Callable[[], object] = lambda: None,
    ) -> Exchange:
        """Send a request and read the answer. Never raises for network errors.

        sent: Called once the whole request is sent.
        """
        patience = self.patience if timeout is None else timeout
        all_headers = {"Connection": "close", **(headers or {})}
        if chunks is not None:
            all_headers["Transfer-Encoding"] = "chunked"
        elif body is not None:
            all_headers["Content-Length"] = str(len(body))
        request = _described(method, path, all_headers, body, chunks is not None)
        begun = time.monotonic()
        all_sent = False
        try:
            with self.connect(patience) as connection:
                try:
                    connection.send(connection.head(method, path, all_headers))
                    if chunks is not None:
                        for chunk in chunks:
                            connection.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                        connection.send(b"0\r\n\r\n")
                    elif body:
                        connection.send(body)
                    all_sent = True
                    sent()
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it may have answered before it read the whole body
                exchange = connection.answer(request, method, begun, patience, self.stream_seconds)
        except (OSError, http.client.HTTPException) as error:
            exchange = unanswered(request, error, begun, patience, sent=all_sent)
        return self.remember(exchange)

    def remember(self, exchange: Exchange) -> Exchange:
        if exchange.status is not None and exchange.status >= 400:
            self.errors.append(exchange)
        return exchange

    def raw(self, data: bytes, timeout: float | None = None, *, half_close: bool = False) -> bytes:
        """Send bytes, and return all that comes back until the connection is closed or the time is over.

        half_close: Close the sending side after them.
        """
        got = b""
        patience = self.patience if timeout is None else timeout
        with contextlib.suppress(OSError), self.connect(patience) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(data)
            if half_close:
                connection.socket.shutdown(socket.SHUT_WR)
            with Received(connection.socket, patience, time.monotonic() + patience).makefile("rb") as stream:
                while part := stream.read1(65536):
                    got += part
        return got


def _described(method: str, path: str, headers: Mapping[str, str], body: bytes | None, chunked: bool) -> str:
    about = [excerpt(headers["Content-Type"], 60)] if "Content-Type" in headers else []
    if chunked:
        about.append("chunked")
    elif body is not None:
        about.append(size_of(len(body)))
    about += [f"{n}: {excerpt(v, 40)}" for n, v in headers.items() if n not in _UNSAID]
    return f"{method} {path} ({', '.join(about)})" if about else f"{method} {path}"


_UNSAID = {"Connection", "Content-Type", "Content-Length", "Transfer-Encoding"}
