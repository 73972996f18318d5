"""Errors on the wire: problem+json (RFC 9457), short enough that SageMaker passes it on whole (A16)."""

from __future__ import annotations

import functools
import json
from http import HTTPStatus

from longshore_runtime import contract

CONTENT_TYPE = "application/problem+json"


@functools.cache
def phrase(status: int) -> str:
    """A status in words."""
    if status == contract.CLIENT_GONE:
        return "Client Closed Request"
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"


def body(status: int, detail: str, request_id: str | None = None) -> bytes:
    """The body of an error answer, at most 2,048 characters. detail is cut where it is longer."""
    members: dict[str, object] = {
        "type": "about:blank",
        "title": phrase(status),
        "status": status,
        "detail": detail,
    }
    if request_id is not None:
        members["request_id"] = request_id
    while True:
        text = json.dumps(members)  # ASCII: as many bytes as characters
        excess = len(text) + 1 - contract.ERROR_BODY_MAX
        if excess <= 0:
            return text.encode() + b"\n"
        # An escaped character takes up to twelve bytes, so one cut may take off too much, never too little.
        detail = detail[: max(0, len(detail) - excess - 3)]
        members["detail"] = detail + "..."
