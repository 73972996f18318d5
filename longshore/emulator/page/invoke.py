"""The form's invocation: the same that InvokeEndpoint does, without a client's signature."""

from __future__ import annotations

import base64
import io
import time
from typing import Any

from longshore.emulator import runtime
from longshore.emulator.faults import AwsError
from longshore.emulator.platform import Platform

# The form's field -> as WSGI spells the header.
_HEADERS = {
    "contentType": "CONTENT_TYPE",
    "accept": "HTTP_ACCEPT",
    "targetVariant": "HTTP_X_AMZN_SAGEMAKER_TARGET_VARIANT",
    "targetModel": "HTTP_X_AMZN_SAGEMAKER_TARGET_MODEL",
    "targetContainer": "HTTP_X_AMZN_SAGEMAKER_TARGET_CONTAINER_HOSTNAME",
}
_SHOWN = 200_000  # characters of an answer; a browser gets slow with more


def invoke(platform: Platform, request: Any) -> dict[str, Any]:
    """request: endpoint, contentType, accept, targetVariant, targetModel, targetContainer, body (base64); all
    are texts.

    What came back: status, headers, milliseconds, size in bytes; text, None where it is no text; cut: whether
    there is more of it. ValueError where the request is not the form's.
    """
    if not isinstance(request, dict) or not all(isinstance(value, str) for value in request.values()):
        raise ValueError("The request is no JSON object of texts.")
    body = base64.b64decode(request.get("body", ""), validate=True)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/endpoints/{request.get('endpoint', '')}/invocations",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    for field, name in _HEADERS.items():
        value = request.get(field, "")
        if not (value.isascii() and (value.isprintable() or not value)):
            raise ValueError(f"{field} has characters that no header may have.")
        if value:
            environ[name] = value
    began = time.perf_counter()
    status, headers, answer = _ask(platform, request.get("endpoint", ""), environ)
    milliseconds = 1000 * (time.perf_counter() - began)
    text = _text(answer)
    return {
        "status": status,
        "headers": headers,
        "milliseconds": milliseconds,
        "size": len(answer),
        "text": None if text is None else text[:_SHOWN],
        "cut": text is not None and len(text) > _SHOWN,
    }


def _ask(
    platform: Platform, endpoint: str, environ: dict[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[Any] = []
    try:
        parts = runtime.answer(
            "invocations", platform, endpoint, environ, lambda *given, **_: started.append(given)
        )
        body = b"".join(parts)
    except AwsError as error:
        return error.status_line, [("Content-Type", "application/json"), *error.headers()], error.body()
    status, headers = started[-1][:2]
    return status, headers, body


def _text(body: bytes) -> str | None:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
