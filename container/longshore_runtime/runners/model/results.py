"""What user functions return in place of a plain prediction: bodies with their type, whole responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from longshore_runtime import contract
from longshore_runtime.runners.base import Answer
from longshore_runtime.runners.model import encoding, media

# Of the connection, not of the answer; and what we send ourselves.
_DROPPED = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade", "content-length", "content-type", "date", "server"),
        contract.HEADER_INFERENCE_ID.lower(),
    )
)
_WITHOUT_A_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED)


def is_response(value: Any) -> bool:
    """Whether this is a response of Flask or werkzeug, or looks like one."""
    # The method in its class first: some dicts claim to have any attribute.
    return hasattr(type(value), "get_data") and hasattr(value, "status_code") and hasattr(value, "headers")


def answer_of(response: Any, records: int) -> Answer:
    """Convert a response, with its status, headers and body. Raises ValueError for an impossible status."""
    status = response.status_code
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f"a response cannot have the status {status!r:.50}: return one from 200 to 599")
    if getattr(response, "direct_passthrough", False):  # of flask.send_file: get_data would refuse
        response.direct_passthrough = False
    body = b"" if status in _WITHOUT_A_BODY else bytes(response.get_data())
    content_type, headers = "", []
    for name, value in response.headers.items():
        lower = name.lower()
        if lower == "content-type":
            content_type = value
        elif lower not in _DROPPED and not lower.startswith(("x-accel-", "x-longshore-")):
            headers.append((name, value))
    if hasattr(response, "close"):
        response.close()
    return Answer(body, content_type if body else "", records, int(status), tuple(headers))


def body_and_type(encoded: object, accept: str, wanted: tuple[str, str, str | None]) -> tuple[bytes, str]:
    """Convert what encode, output_fn or transform_fn returned to a body and its media type.

    Text and bytes pass as they are. Other objects are encoded for `wanted`: the request's Accept and
    Content-Type, and the default; those of a (body, content type) pair in its type.

    Args:
        accept: the type that the function was asked for.

    Raises:
        TypeError: if it returned None, or its object cannot be written in its own content type.
    """
    content_type = None
    if isinstance(encoded, tuple) and len(encoded) == 2 and isinstance(encoded[1], str):
        encoded, content_type = encoded
    if encoded is None:
        raise TypeError("encode (output_fn, transform_fn) returned None: is a `return` missing?")
    if isinstance(encoded, (bytes, bytearray, memoryview)):
        return bytes(encoded), content_type or accept
    if isinstance(encoded, str):
        return encoded.encode(), content_type or accept
    if content_type is None:
        return encoding.encode(encoded, *wanted)
    kind = media.canonical(media.parse(content_type).type)
    if kind not in media.SUPPORTED:
        raise TypeError(
            f"encode returned {type(encoded).__name__} as {content_type!r:.100}: return bytes or str for it"
        )
    return encoding.encode_as(encoded, kind), content_type
