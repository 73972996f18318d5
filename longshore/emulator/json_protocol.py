"""Requests and responses of AWS's JSON protocol: a JSON object each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from longshore.emulator.faults import AwsError, request_id


def parse(body: bytes, parse_constant: Callable[[str], Any] | None = None) -> dict[str, Any]:
    """Return a request; an empty body is an empty object.

    Args:
        body: The request's.
        parse_constant: As json.loads() has it, for NaN and infinities.

    Raises:
        AwsError: If the body is not a JSON object.
    """
    try:
        request = json.loads(body or b"{}", parse_constant=parse_constant)
    except (ValueError, RecursionError) as error:
        raise AwsError("SerializationException", f"The body is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise AwsError("SerializationException", "The body is not a JSON object.")
    return request


def respond(response: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Send a response; a WSGI application returns what this returns."""
    body = json.dumps(response).encode()
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
    start_response("200 OK", [*headers, *request_id()])
    return [body]
