"""What the tests of the decoders share: good bodies, and what becomes of a body."""

from __future__ import annotations

import importlib
import io
from typing import Any

import numpy as np
import pytest

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.decoding import Decoded, decode

pa: Any = importlib.import_module("pyarrow")
parquet: Any = importlib.import_module("pyarrow.parquet")

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
ARROW_FORMS = {media.PARQUET: "parquet", media.ARROW_STREAM: "new_stream", media.ARROW_FILE: "new_file"}


def refusal(body: bytes, content_type: str) -> RequestError:
    """The error a body is refused with."""
    with pytest.raises(RequestError) as caught:
        decode(body, content_type)
    return caught.value


def outcome(body: bytes, content_type: str) -> Decoded | RequestError:
    try:
        return decode(body, content_type)
    except RequestError as error:
        return error


def same(one: Any, other: Any) -> bool:
    if np.asarray(other).dtype.kind == "O":
        return repr(one.tolist()) == repr(other.tolist())
    return bool(np.array_equal(one, other, equal_nan=np.asarray(other).dtype.kind == "f"))


def saved(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_header(header: str, data: bytes = b"", version: int = 1) -> bytes:
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


def header(shape: str, descr: str = "'<f8'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


def written(table: Any, kind: str, times: int = 1, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    if kind == media.PARQUET:
        writer = parquet.ParquetWriter(sink, table.schema)
    else:
        writer = getattr(pa.ipc, ARROW_FORMS[kind])(sink, table.schema, **options)
    with writer:
        for _ in range(times):
            writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
