"""Error responses in the protocol of the request, so that every AWS client reads their code and message."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from longshore.emulator.aws_protocols import Protocol, protocol
from longshore.emulator.faults import AwsError

# Characters that XML cannot hold, even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JSON = re.compile(r"application/(x-amz-)?json(-1\.[01])?")


class ErrorResponse(NamedTuple):
    """A complete response.

    Attributes:
        status: The status line, as in WSGI.
        headers: All headers.
        body: Empty if the request is a HEAD.
    """

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def error_response(error: AwsError, environ: Mapping[str, Any]) -> ErrorResponse:
    """Return the error as the client of this request expects it."""
    request_id = str(uuid.uuid4())
    asked = protocol(environ)
    content_type, body = _serialize(error, asked, environ.get("CONTENT_TYPE", ""), request_id)
    headers = [
        ("Content-Type", content_type),
        ("x-amzn-RequestId", request_id),
        ("x-amzn-errortype", error.code),  # all that the response to a HEAD says
    ]
    if asked == "s3":
        headers.append(("x-amz-request-id", request_id))
    if asked == "rpc-v2-cbor":
        headers.append(("smithy-protocol", "rpc-v2-cbor"))
    if environ["REQUEST_METHOD"] == "HEAD":
        return ErrorResponse(error.status_line, headers, b"")
    return ErrorResponse(error.status_line, [*headers, ("Content-Length", str(len(body)))], body)


def refuse(
    error: AwsError, environ: Mapping[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Send the error; a WSGI application returns what this returns."""
    response = error_response(error, environ)
    start_response(response.status, response.headers)
    return [response.body]


def _serialize(error: AwsError, asked: Protocol, content_type: str, request_id: str) -> tuple[str, bytes]:
    """Return the content type and the body."""
    if asked == "rpc-v2-cbor":
        return "application/cbor", _cbor({"__type": error.code, "message": error.message})
    if asked in ("json", "rest-json"):
        same = _JSON.match(content_type)
        default = "application/x-amz-json-1.1" if asked == "json" else "application/json"
        return same[0] if same else default, error.body()
    inner = _elements({"Code": error.code, "Message": error.message})
    if asked == "s3":
        details = _elements({**error.details, "RequestId": request_id})
        return "application/xml", _xml(f"<Error>{inner}{details}</Error>")
    if asked == "ec2":
        errors = f"<Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID>"
        return "text/xml", _xml(f"<Response>{errors}</Response>")
    side = "Sender" if error.status < 500 else "Receiver"
    errors = f"<Error><Type>{side}</Type>{inner}</Error><RequestId>{request_id}</RequestId>"
    return "text/xml", _xml(f"<ErrorResponse>{errors}</ErrorResponse>")


def _elements(values: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in values.items())


def _xml(document: str) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + _NOT_XML.sub("�", document).encode()


def _cbor(members: Mapping[str, str]) -> bytes:
    """Encode a map of at most 23 texts."""
    encoded = bytes([0xA0 | len(members)])
    for text in [each for member in members.items() for each in member]:
        data = text.encode()
        encoded += b"\x7a" + len(data).to_bytes(4, "big") + data  # a text with a length of four bytes
    return encoded
