"""A minimal WebSocket client (RFC 6455): the handshake and a ping."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import time
from dataclasses import dataclass

from longshore.check.client import Client, Connection
from longshore.check.exchange import duration
from longshore.check.received import Received

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PING, _PONG, _CLOSE = 0x9, 0xA, 0x8
_FINAL, _MASKED = 0x80, 0x80
_PAYLOAD = b"longshore check"
NO_PONG = "no pong"


@dataclass(frozen=True)
class Handshake:
    """The result of a handshake.

    Attributes:
        status: None if no answer came.
        told: What was sent and received.
        accepted: Whether Sec-WebSocket-Accept matches the key.
        pong: What came instead of the right pong; None if that came.
    """

    status: int | None
    told: str
    accepted: bool = False
    pong: str | None = "it was not opened"


def open_one(client: Client, path: str, connect: float, patience: float) -> Handshake:
    """Open a WebSocket, and send one ping. connect, patience: Seconds for the handshake, and for the pong."""
    key = base64.b64encode(os.urandom(16)).decode()
    named = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
    }
    begun = time.monotonic()
    try:
        with client.connect(connect) as connection:
            connection.send(connection.head("GET", path, named))
            received = Received(connection.socket, connect, time.monotonic() + connect)
            answer = received.response("GET")
            answer.begin()
            told = f"GET {path} (Upgrade: websocket) → {answer.status} after {time.monotonic() - begun:.2f} s"
            if answer.status != http.client.SWITCHING_PROTOCOLS:
                return Handshake(answer.status, told)
            expected = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
            found = answer.getheader("Sec-WebSocket-Accept", "")
            if found != expected:
                return Handshake(answer.status, f"{told}, Sec-WebSocket-Accept: {found or 'not there'}")
            received.timeout, received.deadline = patience, time.monotonic() + patience
            return Handshake(answer.status, told, True, _ping(connection, answer, patience))
    except (OSError, http.client.HTTPException) as error:
        return Handshake(None, f"GET {path} (Upgrade: websocket) → no answer: {error!r}")


def _ping(connection: Connection, answer: http.client.HTTPResponse, patience: float) -> str | None:
    """Return None if the pong comes, else what came."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(_PAYLOAD))
    until = time.monotonic() + patience
    try:
        connection.send(bytes((_FINAL | _PING, _MASKED | len(_PAYLOAD))) + mask + masked)
        while time.monotonic() < until:
            first, second = _exactly(answer, 2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(_exactly(answer, 2 if length == 126 else 8), "big")
            payload = _exactly(answer, length)
            if first & 0x0F == _PONG and payload == _PAYLOAD:
                return None
            if first & 0x0F == _CLOSE:
                return "it was closed"
    except TimeoutError:
        pass
    except OSError as error:
        return f"the connection broke: {error}"
    return f"{NO_PONG} within {duration(patience)}"


def _exactly(answer: http.client.HTTPResponse, count: int) -> bytes:
    """Read from the handshake's buffer, which may hold frames. Raises ConnectionError at the end."""
    data = answer.fp.read(count)
    if len(data) < count:
        raise ConnectionError("it was closed")
    return bytes(data)
