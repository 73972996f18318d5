"""Bodies to XGBoost's matrices; xgboost itself must be installed."""

from __future__ import annotations

import importlib
import io
import json
import tempfile
from collections.abc import Callable
from typing import Any

from longshore_runtime.aws_modules.sagemaker_inference import content_types, errors
from longshore_runtime.runners.model import decoding, media


def csv_to_dmatrix(input: str | bytes, dtype: Any = None) -> Any:
    """Return a DMatrix of CSV without a header."""
    body = input.encode() if isinstance(input, str) else bytes(input)
    data = decoding.decode(body, f"{content_types.CSV}; header=absent").data
    return _xgboost().DMatrix(data if dtype is None else data.astype(dtype))


def libsvm_to_dmatrix(string_like: str | bytes) -> Any:
    """Return a DMatrix of LIBSVM's text format, which XGBoost reads from a file."""
    body = string_like.encode() if isinstance(string_like, str) else bytes(string_like)
    with tempfile.NamedTemporaryFile(suffix=".libsvm") as file:
        file.write(body)
        file.flush()
        return _xgboost().DMatrix(f"{file.name}?format=libsvm")


def json_to_jsonlines(json_data: Any) -> bytes:
    """Return the elements of an object's only list, one a line."""
    data = json_data if isinstance(json_data, dict) else json.loads(json_data)
    (elements,) = data.values()
    lines = io.StringIO()
    for element in elements:
        lines.write(json.dumps(element) + "\n")
    return lines.getvalue().encode()


_DECODERS: dict[str, Callable[[Any], Any]] = {
    content_types.CSV: csv_to_dmatrix,
    "text/libsvm": libsvm_to_dmatrix,
    "text/x-libsvm": libsvm_to_dmatrix,
}


def decode(obj: str | bytes, content_type: str) -> Any:
    """Return a DMatrix of CSV or LIBSVM. Raises UnsupportedFormatError for another type."""
    kind = media.parse(content_type).type
    if kind not in _DECODERS:
        raise errors.UnsupportedFormatError(kind)
    return _DECODERS[kind](obj)


def _xgboost() -> Any:
    return importlib.import_module("xgboost")
