"""NPY bodies to arrays. Nothing in a header is evaluated or believed about the size of the data."""

from __future__ import annotations

import ast
import math
import re
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from longshore_runtime.runners.model.decoding_text import unreadable

_NPY_HEADER_MAX = 10_000  # bytes, numpy's own limit
_NPY_DIMENSIONS_MAX = 32
_NpyHeader = tuple[tuple[int, ...], Literal["C", "F"], np.dtype[Any]]  # shape, order and type of the data
# The tokens of an honest header. It is a Python literal, and Python's parser can be made to run out of
# stack by long chains of operators; a header of these tokens has none.
_NPY_HEADER = re.compile(rb"""(?:[\s{}()\[\],:]|[0-9]{1,18}(?![0-9])|True|False|'[^'\\\n]*'|"[^"\\\n]*")*""")


def read(body: bytes | bytearray) -> npt.NDArray[Any]:
    """Return the array of an NPY body: a view of a bytearray where possible, else a copy."""
    start = 10 if body[6:7] == b"\1" else 12
    end = start + int.from_bytes(body[8:start], "little")
    if not body.startswith(npy.MAGIC_PREFIX) or end > len(body):
        raise unreadable("NPY", "it does not start with a whole NPY header")
    if end - start > _NPY_HEADER_MAX:
        raise unreadable("NPY", f"its header is longer than {_NPY_HEADER_MAX} bytes")
    shape, order, dtype = _npy_header(bytes(body[start:end]), body[6])
    size = math.prod(shape) * dtype.itemsize
    if size != len(body) - end:
        raise unreadable("NPY", f"its header promises {size} bytes of data, but {len(body) - end} follow")
    try:
        if dtype.kind == "U":  # numpy would only find out when the strings are used
            str(memoryview(body)[end:], "utf-32-be" if dtype.byteorder == ">" else "utf-32-le")
        data = np.ndarray(shape, dtype, body, offset=end, order=order)
        if not (data.flags.writeable and data.flags.aligned and dtype.isnative):
            data = data.astype(dtype.newbyteorder("="))
    except (ValueError, OverflowError) as error:
        raise unreadable("NPY", str(error)) from None
    return data


@lru_cache(maxsize=64)
def _npy_header(header: bytes, version: int) -> _NpyHeader:
    """What a header says. numpy's own reader would write on stderr about what it finds odd."""
    try:
        if not _NPY_HEADER.fullmatch(header):
            raise ValueError("its header is malformed")
        fields = ast.literal_eval(header.decode("utf-8" if version == 3 else "latin-1").strip())
        shape, dtype = fields["shape"], npy.descr_to_dtype(fields["descr"])
        if not (isinstance(shape, tuple) and all(type(length) is int for length in shape)):
            raise ValueError("the shape in its header is malformed")
        if dtype.hasobject:
            raise ValueError("it holds Python objects; send numbers or strings")
        if len(shape) > _NPY_DIMENSIONS_MAX:
            raise ValueError(f"it has {len(shape)} dimensions, {_NPY_DIMENSIONS_MAX} are allowed")
        if dtype.itemsize == 0 or (0 in shape and shape[0] != 0):  # any number of records for no data
            raise ValueError(f"an array of shape {shape} and type {dtype} has records without data")
        return shape, "F" if fields["fortran_order"] is True else "C", dtype
    except MemoryError:  # the server's failure, not the caller's
        raise
    except Exception as error:  # noqa: BLE001 - Python's parser and numpy's types fail in many ways
        raise unreadable("NPY", str(error).partition("\n")[0]) from None
