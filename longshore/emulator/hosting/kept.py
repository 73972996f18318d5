"""Connections to a container that are kept, and requests on them for which one time limit is for the whole.

urllib3's own begin anew with each packet that comes, and the one for connecting is for sending, too: a
container that is busy would have a quarter of a second to read 25 MB.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

import urllib3
from urllib3.connection import HTTPConnection

from longshore.limits import ACCEPT_SECONDS

_BLOCK = 1 << 16  # of more, the allocator asks the kernel for each anew


class Answer(NamedTuple):
    """headers: their names have no case; data: the whole body, as it came."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _Connection(HTTPConnection):
    """Connects within 250 ms (A11), whatever time there is for the rest."""

    def _new_conn(self) -> socket.socket:
        whole, self.timeout = self.timeout, ACCEPT_SECONDS
        try:
            connected = super()._new_conn()
        finally:
            self.timeout = whole
        connected.settimeout(whole)
        return connected


class Pool(urllib3.HTTPConnectionPool):
    """To one container."""

    ConnectionCls = _Connection

    def post(self, path: str, headers: dict[str, str], body: bytes, deadline: float) -> Answer:
        """The answer, whatever its status; deadline: by time.monotonic().

        urllib3's ReadTimeoutError where the deadline comes first, another HTTPError for all else.
        """
        late = urllib3.exceptions.ReadTimeoutError(self, path, "The deadline has come.")
        left = max(0.001, deadline - time.monotonic())
        try:
            answer = self.urlopen(
                "POST",
                path,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=left, read=left),
                redirect=False,
                decode_content=False,
                preload_content=False,
            )
        except urllib3.exceptions.ProtocolError as error:
            if isinstance(error.args[-1], TimeoutError):  # while it was sent
                raise late from None
            raise
        blocks: list[bytes] = []
        while block := answer.read1(_BLOCK):
            blocks.append(block)
            if (left := deadline - time.monotonic()) <= 0:
                answer.close()
                answer.release_conn()
                raise late
            if isinstance(answer.connection, _Connection) and answer.connection.sock is not None:
                answer.connection.sock.settimeout(left)
        return Answer(answer.status, answer.headers, b"".join(blocks))
