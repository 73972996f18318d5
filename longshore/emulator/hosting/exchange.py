"""One request to a container on a connection of its own, where every wait ends at one deadline.

A pool's timeout begins anew with each packet that comes, and nobody else can end its wait: neither will do
for an answer that takes minutes.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType

from longshore.emulator.bodies import BLOCK
from longshore.limits import ACCEPT_SECONDS

# What a container does to an exchange by going, or by saying what is no HTTP.
BROKEN = (OSError, http.client.HTTPException)


class NotReached(Exception):
    """The container has not taken the connection (A11): it knows nothing of the request."""


class Exchange:
    """Made, it is connected; NotReached where it cannot be.

    send() and blocks() raise TimeoutError at the deadline, that many seconds from now, else one of BROKEN.
    abort() may be called from any thread, and breaks both.
    """

    def __init__(self, address: tuple[str, int], seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._connection = http.client.HTTPConnection(*address, timeout=ACCEPT_SECONDS)
        try:
            self._connection.connect()
        except OSError as error:
            raise NotReached(str(error)) from None
        # http.client lets go of it as soon as it knows that no second request can follow.
        self._socket: socket.socket = self._connection.sock
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.response: http.client.HTTPResponse

    def __enter__(self) -> Exchange:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, headers: Mapping[str, str], body: Iterable[bytes], length: int) -> None:
        """POST to /invocations; `response` has the answer's head then."""
        # One that does not want the whole body may have said why before it hung up.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.request(
                "POST",
                "/invocations",
                self._in_time(body),
                {**headers, "Content-Length": str(length)},
                encode_chunked=False,
            )
        self._wait()
        self.response = self._connection.getresponse()

    def blocks(self) -> Iterator[bytes]:
        """The answer's body as it comes, without waiting until a block is full."""
        while True:
            self._wait()
            block = self.response.read1(BLOCK)
            if not block:
                break
            yield block
        if self.response.length:
            raise http.client.IncompleteRead(b"", self.response.length)

    def head(self, size: int) -> bytes:
        """The body's first bytes, so many at most; what of them had come where it breaks off."""
        found = bytearray()
        with suppress(*BROKEN):
            for block in self.blocks():
                found += block
                if len(found) >= size:
                    break
        return bytes(found[:size])

    def abort(self) -> None:
        """Whoever waits for the container waits no longer."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up, whatever may still come."""
        self._connection.close()
        if hasattr(self, "response"):
            self.response.close()

    def _in_time(self, body: Iterable[bytes]) -> Iterator[bytes]:
        for block in body:
            self._wait()
            yield block

    def _wait(self) -> None:
        """Let the next wait for the socket end at the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
