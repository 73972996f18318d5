"""Arrays to bodies and back."""

from __future__ import annotations

from typing import Any

from longshore_runtime.aws_modules.sagemaker_inference import content_types
from longshore_runtime.aws_modules.sagemaker_inference.decoder import decode
from longshore_runtime.aws_modules.sagemaker_inference.encoder import encode

__all__ = [
    "array_to_csv",
    "array_to_json",
    "array_to_npy",
    "csv_to_numpy",
    "decode",
    "encode",
    "json_to_numpy",
    "npy_to_numpy",
]


def array_to_json(array_like: Any) -> str | bytes:
    return encode(array_like, content_types.JSON)


def array_to_csv(array_like: Any) -> str | bytes:
    return encode(array_like, content_types.CSV)


def array_to_npy(array_like: Any) -> str | bytes:
    return encode(array_like, content_types.NPY)


def json_to_numpy(string_like: str | bytes, dtype: Any = None) -> Any:
    return _as_type(decode(string_like, content_types.JSON), dtype)


def csv_to_numpy(string_like: str | bytes, dtype: Any = None) -> Any:
    return _as_type(decode(string_like, content_types.CSV), dtype)


def npy_to_numpy(npy_array: bytes) -> Any:
    return decode(npy_array, content_types.NPY)


def _as_type(array: Any, dtype: Any) -> Any:
    return array if dtype is None else array.astype(dtype)
