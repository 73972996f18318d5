"""The receiving side of a connection, with a time limit for the whole and not only for each read.

http.client skips any number of interim responses and trailers, and a container may send a byte at a time:
then each read is in time, and the answer never ends.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any


class Received(io.RawIOBase):
    """What comes on a connection.

    Attributes:
        timeout: Seconds for each read.
        deadline: When reads end with TimeoutError, on the monotonic clock.
    """

    def __init__(self, connection: socket.socket, timeout: float, deadline: float) -> None:
        self._connection = connection
        self.timeout = timeout
        self.deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(min(self.timeout, left))
        return self._connection.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a stream, as sockets do."""
        return io.BufferedReader(self)

    def response(self, method: str) -> http.client.HTTPResponse:
        """Return http.client's response, whose head is not yet read."""
        return http.client.HTTPResponse(self, method=method)  # type: ignore[arg-type]  # it calls makefile() alone
