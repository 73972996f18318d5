"""Bodies to what a pipeline takes, and its results to bodies."""

from __future__ import annotations

import csv
import io
from typing import Any

from longshore_runtime.aws_modules.sagemaker_inference import content_types, encoder, errors
from longshore_runtime.runners.model import decoding


def decode(content: str | bytes, content_type: str = content_types.JSON) -> Any:
    """Return the object of JSON, {"inputs": [...]} of CSV with a header, or an array of NPY.

    Raises UnsupportedFormatError for another type.
    """
    if content_type == content_types.CSV:
        text = content if isinstance(content, str) else content.decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        is_inputs = bool(rows) and "inputs" in rows[0]
        return {"inputs": [row["inputs"] for row in rows] if is_inputs else rows}
    if content_type not in (content_types.JSON, content_types.NPY):
        raise errors.UnsupportedFormatError(content_type)
    body = content.encode() if isinstance(content, str) else bytes(content)
    return decoding.decode(body, content_type).data


def encode(content: Any, content_type: str = content_types.JSON) -> str | bytes:
    """Return a text of JSON or CSV, bytes of NPY. Raises UnsupportedFormatError for another type."""
    return encoder.encode(content, content_type)
