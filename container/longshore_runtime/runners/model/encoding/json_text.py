"""JSON and JSON Lines: by orjson, and in Python where orjson cannot, or not exactly."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from longshore_runtime.runners.model.encoding import tables, values
from longshore_runtime.runners.model.encoding.values import Inexpressible

# Dates and dataclasses come to _default: orjson writes NaT as a date, and omits fields with an underscore.
_OPTION = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_FAST = _OPTION | orjson.OPT_SERIALIZE_NUMPY
# How orjson writes a datetime64 itself: cut to microseconds, and NaT as 1970. No option stops it.
_DATE = re.compile(rb'"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d')
_PART = 65_536  # values of an array
_INT64 = range(-(2**63), 2**64)


def to_json(prediction: Any, more: int = 0) -> bytes:
    """The prediction as JSON; `more`: further options of orjson.

    Raises Inexpressible, or TypeError for surrogates and cycles.
    """
    try:
        text = orjson.dumps(prediction, _default, _FAST | more)
    except TypeError as error:
        return _slowly(prediction, error, more)
    if b"T" in text and _DATE.search(text):
        try:
            return orjson.dumps(prediction, _default_of_numpy, _OPTION | more)
        except TypeError as error:
            return _slowly(prediction, error, more)
    return text


def _slowly(prediction: Any, error: TypeError, more: int) -> bytes:
    """For what orjson refuses before it asks _default: keys, integers over 64 bits, byte orders, dates."""
    if isinstance(error.__cause__, Inexpressible):
        raise error.__cause__ from None
    if error.__cause__ is not None or "ecursion" in str(error) or "surrogates" in str(error):
        raise TypeError(f"the prediction cannot be written as JSON: {error}") from error
    return orjson.dumps(_plain(prediction), _default_of_numpy, _OPTION | more)


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value)) if value.is_finite() else None
    if tables.is_table(value):
        return orjson.Fragment(_records(value))
    return tables.simple(value)


def _default_of_numpy(value: Any) -> Any:
    if not isinstance(value, orjson.Fragment):
        value = _default(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return orjson.Fragment(orjson.dumps(value, option=_FAST))
    return value


def _plain(value: Any) -> Any:
    """The same value in what orjson takes."""
    if isinstance(value, (str, float, bool, orjson.Fragment, type(None))):
        return value
    if type(value) is int:
        return value if value in _INT64 else orjson.Fragment(str(value))
    if isinstance(value, Mapping):
        keys = [values.key_text(key) for key in value]
        return dict(zip(values.unique(keys, "keys of an object"), map(_plain, value.values()), strict=True))
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    simpler = _default(value)
    return simpler if isinstance(simpler, (np.ndarray, np.generic)) else _plain(simpler)


def _records(table: Any) -> bytes:
    text = io.BytesIO()
    text.write(b"[")
    for records in tables.record_parts(table):
        if records:
            text.write(b"," if text.tell() > 1 else b"")
            text.write(memoryview(to_json(records))[1:-1])
    text.write(b"]")
    return text.getvalue()


def to_json_lines(prediction: Any) -> bytes:
    """One element a line; what has no elements is one line."""
    if is_plain_array(prediction):
        return in_parts(prediction, _lines_of_numbers)
    # One buffer: orjson's bytes take 1 KB each at least, so that a list of lines takes many times its text.
    lines = io.BytesIO()
    for element in tables.elements(prediction):
        lines.write(to_json(element, orjson.OPT_APPEND_NEWLINE))
    return lines.getvalue()


def _lines_of_numbers(array: npt.NDArray[Any]) -> bytes:
    inner = to_json(array)[1:-1]
    return (inner.replace(b",", b"\n") if array.ndim == 1 else inner.replace(b"],[", b"]\n[")) + b"\n"


def in_parts(array: npt.NDArray[Any], write: Callable[[npt.NDArray[Any]], bytes]) -> bytes:
    """The lines that `write` makes of an array, some thousands at a time: their text is copied meanwhile."""
    if array.size <= _PART:
        return write(array)
    lines = io.BytesIO()
    rows = max(1, _PART * len(array) // array.size)
    for start in range(0, len(array), rows):
        lines.write(write(array[start : start + rows]))
    return lines.getvalue()


def is_plain_array(array: Any) -> bool:
    """Whether these are numbers orjson writes, in one or two dimensions, none of them empty."""
    return (
        type(array) is np.ndarray
        and array.dtype.kind in "iuf"
        and array.dtype.itemsize <= 8
        and 1 <= array.ndim <= 2
        and array.size > 0
    )
