"""AWS's event stream (application/vnd.amazon.eventstream): how an answer goes out in pieces.

A message is its length, its headers' length and a checksum of both, then the headers, the payload, and a
checksum of all before it. Numbers are big-endian, checksums CRC-32; all headers here are strings.
"""

from __future__ import annotations

import json
import struct
import zlib

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # a header's type
_PRELUDE = struct.Struct("!II")
_NUMBER = struct.Struct("!I")
_BESIDE_PAYLOAD = _PRELUDE.size + 2 * _NUMBER.size  # bytes, and the headers'


def payload_part(data: bytes) -> bytes:
    """A piece of the answer."""
    return _message(
        {
            ":event-type": "PayloadPart",
            ":content-type": "application/octet-stream",
            ":message-type": "event",
        },
        data,
    )


def exception(kind: str, **members: str) -> bytes:
    """What ends a stream before its end: ModelStreamError (Message, ErrorCode) or InternalStreamFailure."""
    return _message(
        {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"},
        json.dumps(members).encode(),
    )


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    named = b"".join(_header(name, value) for name, value in headers.items())
    prelude = _PRELUDE.pack(_BESIDE_PAYLOAD + len(named) + len(payload), len(named))
    whole = b"".join((prelude, _NUMBER.pack(zlib.crc32(prelude)), named, payload))
    return whole + _NUMBER.pack(zlib.crc32(whole))


def _header(name: str, value: str) -> bytes:
    encoded = value.encode()
    return bytes((len(name),)) + name.encode() + struct.pack("!BH", _STRING, len(encoded)) + encoded
