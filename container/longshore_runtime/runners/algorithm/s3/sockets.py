"""Opens the sockets that S3 is spoken to on: with TLS, and through a proxy where one is set."""

from __future__ import annotations

import select
import socket
import ssl
import time
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

_CONNECT_S = 10.0  # for each step: to connect, the proxy's answer, the TLS handshake
_LONGEST_HEAD = 64 * 1024  # of a proxy's answer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens, and whether it speaks TLS."""

    tls: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Line:
    """An open socket. Where a proxy reads the requests themselves, targets have to be absolute URLs,
    and the proxy_headers (whole lines) go with each."""

    socket: socket.socket
    absolute: bool
    proxy_headers: list[str]


class Unreachable(Exception):
    """No socket could be opened: the text says why, without addresses. lasting: trying again is in vain."""

    def __init__(self, why: str, *, lasting: bool = False) -> None:
        super().__init__(why)
        self.lasting = lasting


def connect(place: Place, context: ssl.SSLContext | None) -> Line:
    """A socket to this place, in TLS where there is a context. Each step takes 10 s at most.

    Raises Unreachable.

    Proxies come from the places urllib knows, the variables http_proxy, https_proxy and no_proxy.
    """
    server, login, proxied = (place.host, place.port), [], False
    if not proxy_bypass(place.host) and (url := getproxies().get("http" if context is None else "https")):
        proxy = urlsplit(url if "//" in url else f"http://{url}")
        if proxy.scheme != "http" or not proxy.hostname:
            raise Unreachable("The proxy's address is not of the form http://host:port.", lasting=True)
        server, proxied = (proxy.hostname, proxy.port or 80), True
        if proxy.username is not None:
            pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            login = [f"proxy-authorization: Basic {b64encode(pair.encode()).decode()}"]
    try:
        opened = socket.create_connection(server, timeout=_CONNECT_S)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is None:
                return Line(opened, proxied, login if proxied else [])
            if proxied:
                _tunnel(opened, place, login)
            return Line(_secured(opened, place, context), False, [])
        except BaseException:
            opened.close()
            raise
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"S3's certificate is not trusted: {error.verify_message}.", lasting=True
        ) from error
    except OSError as error:
        raise Unreachable(f"S3 cannot be reached: {error.strerror or 'no answer'}.") from error


def _secured(opened: socket.socket, place: Place, context: ssl.SSLContext) -> ssl.SSLSocket:
    """TLS over this socket: the handshake as a whole has a deadline, not each of its reads."""
    secured = context.wrap_socket(opened, server_hostname=place.host, do_handshake_on_connect=False)
    secured.setblocking(False)
    deadline = time.monotonic() + _CONNECT_S
    try:
        while True:
            poll = select.poll()
            try:
                secured.do_handshake()
                return secured
            except ssl.SSLWantReadError:
                poll.register(secured, select.POLLIN)
            except ssl.SSLWantWriteError:
                poll.register(secured, select.POLLOUT)
            if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
                raise TimeoutError(None, "the TLS handshake did not end")
    except BaseException:
        secured.close()
        raise


def _tunnel(proxy: socket.socket, place: Place, login: list[str]) -> None:
    host = f"[{place.host}]" if ":" in place.host else place.host
    lines = (f"CONNECT {host}:{place.port} HTTP/1.1", f"host: {host}:{place.port}", *login, "", "")
    proxy.sendall("\r\n".join(lines).encode())
    answer, deadline = b"", time.monotonic() + _CONNECT_S
    while b"\r\n\r\n" not in answer:
        # A timeout is for one call; a proxy that sends a byte now and then would go on for days.
        proxy.settimeout(max(deadline - time.monotonic(), 0.001))
        piece = proxy.recv(4096)
        answer += piece
        if not piece or len(answer) > _LONGEST_HEAD:
            raise OSError(None, "the proxy did not answer")
    status = answer.split(b" ", 2)[1:2]
    if status != [b"200"]:
        code = status[0].decode("latin-1") if status else "nothing"
        raise OSError(None, f"the proxy answered {code}")
