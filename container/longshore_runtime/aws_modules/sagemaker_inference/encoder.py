"""Arrays to bodies, with this runtime's own writers."""

from __future__ import annotations

from typing import Any

from longshore_runtime.aws_modules.sagemaker_inference import content_types, errors
from longshore_runtime.runners.model import encoding

SUPPORTED_CONTENT_TYPES = {content_types.JSON, content_types.CSV, content_types.NPY}


def encode(array_like: Any, content_type: str) -> str | bytes:
    """Return a text of JSON or CSV, bytes of NPY. Raises UnsupportedFormatError for another type."""
    if content_type not in SUPPORTED_CONTENT_TYPES:
        raise errors.UnsupportedFormatError(content_type)
    body, _ = encoding.encode(array_like, content_type, "", content_type)
    return body if content_type == content_types.NPY else body.decode()
