"""Bodies of S3's uploads in every form of its documentation, byte by byte: real clients send only some."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import socket
import zlib
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.support.server import PATIENCE

SIGNATURE = b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"
CHUNK = 65536  # bytes; all of a signed body's but the last must have at least 8192
PLAIN, UNSIGNED = "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = [
    f"STREAMING-AWS4-{kind}-PAYLOAD{trailer}"
    for kind in ("HMAC-SHA256", "ECDSA-P256-SHA256")
    for trailer in ("", "-TRAILER")
]
FORMS = [PLAIN, UNSIGNED, *SIGNED]
# SigV4a's credential is for no region.
_AUTHORIZATION = {
    "HMAC": "AWS4-HMAC-SHA256 Credential=longshore/20261130/us-east-1/s3/aws4_request, "
    f"SignedHeaders=host, Signature={SIGNATURE.decode()}",
    "ECDSA-P256": "AWS4-ECDSA-P256-SHA256 Credential=longshore/20261130/s3/aws4_request, "
    f"SignedHeaders=host, Signature={SIGNATURE.decode()}",
}
LENGTH, CHUNKED = "Content-Length", "Transfer-Encoding"


class Answer(NamedTuple):
    """A response of S3. code: of its XML; empty if there is none."""

    status: int
    code: str
    headers: Message
    body: bytes


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def encode(form: str, body: bytes, checksum: str | None = None) -> tuple[dict[str, str], bytes]:
    """Return the headers and the bytes of a body. checksum: of its trailer; the right CRC32 by default."""
    headers = {"x-amz-content-sha256": form}
    if form == PLAIN:
        return headers, body
    headers |= {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(body))}
    signature = b";chunk-signature=" + SIGNATURE if form in SIGNED else b""
    pieces = [body[start : start + CHUNK] for start in range(0, len(body), CHUNK)]
    sent = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), signature, piece) for piece in pieces)
    sent += b"0" + signature + b"\r\n"
    if form.endswith("TRAILER"):
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
        sent += f"x-amz-checksum-crc32:{checksum or crc32(body)}".encode()
        sent += b"\n\r\nx-amz-trailer-signature:" + SIGNATURE + b"\r\n" if form in SIGNED else b"\r\n"
    return headers, sent + b"\r\n"


def request(
    address: str, method: str, target: str, headers: Mapping[str, str], body: bytes, transfer: str = LENGTH
) -> bytes:
    """Return a whole request. A body in Transfer-Encoding has chunks that end anywhere."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {urlsplit(address).netloc}"]
    kind = "ECDSA-P256" if "ECDSA" in headers.get("x-amz-content-sha256", "") else "HMAC"
    headers = {"Authorization": _AUTHORIZATION[kind], **headers}
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if transfer == CHUNKED:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[start : start + 70_001] for start in range(0, len(body), 70_001)]
        body = b"".join(b"%X\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    elif LENGTH not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def send(address: str, sent: bytes, *, cut_off: bool = False) -> Answer:
    """Send bytes, and read the response while the connection stays open.

    cut_off: close the sender's side first.
    """
    with connect(address) as connection:
        connection.sendall(sent)
        if cut_off:
            connection.shutdown(socket.SHUT_WR)
        return read(connection)


def connect(address: str) -> socket.socket:
    parts = urlsplit(address)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE)


def read(connection: socket.socket, method: str = "PUT") -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    body = response.read()
    code = re.search(rb"<Code>(\w+)</Code>", body)
    return Answer(response.status, code[1].decode() if code else "", response.headers, body)


def unfinished(address: str, target: str, body: bytes) -> Iterator[bytes]:
    """Yield the first half of an upload in each form and transfer, as a client sends it that then hangs."""
    for form in FORMS:
        for transfer in (LENGTH, CHUNKED):
            headers, sent = encode(form, body)
            whole = request(address, "PUT", target, headers, sent, transfer)
            yield whole[: len(whole) - len(sent) // 2]
