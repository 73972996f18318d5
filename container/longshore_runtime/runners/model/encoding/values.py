"""Single values and arrays of a prediction, on their way to JSON or a CSV cell.

Nothing here imports pandas, pyarrow or torch: their objects are known by what they offer.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import pathlib
import sys
import uuid
from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt


class Inexpressible(Exception):
    """The prediction cannot be written in this format; the message says which part of it, and what to do."""


# Subunits of a second, and multiples of it.
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18}
_SECONDS = {"m": 60, "h": 3600, "D": 86_400, "W": 604_800}
_CALENDAR = ("Y", "M")  # durations without a fixed length
_TO_BUILTINS_KEEPS = (
    *(bytes, bytearray, memoryview, Decimal, uuid.UUID),
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
)


_ADVICE = "Return lists, dicts, str and numbers, or a numpy array."


def refuse(value: object, advice: str = _ADVICE) -> Inexpressible:
    """The exception for a value that has no form in a format."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    if isinstance(value, (np.ndarray, np.generic)):
        name = f"{name} of {value.dtype}"
    return Inexpressible(f"a value of type {name} cannot be written. {advice}")


def is_missing(value: object) -> bool:
    """Whether this is one of the objects for a missing value: None, pandas' NA and NaT, numpy's masked."""
    if value is None or value is np.ma.masked:
        return True
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def simple(value: Any) -> Any:
    """Convert one object by one step towards None, bool, int, float, str, list, dict and numpy numbers.

    Raises Inexpressible for a type that has no such form.
    """
    if isinstance(value, np.ndarray):
        return simple_array(value)
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        return _simple_scalar(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise refuse(value, "Decode it, or write it as base64 text.")
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return time_text(value)
    if isinstance(value, (enum.Enum, int, float, str)):
        return _builtin(value)
    if isinstance(value, (uuid.UUID, pathlib.PurePath)) or is_pandas(value, "Period", "Interval"):
        return str(value)
    return _simple_container(value)


def key_text(key: Any) -> str:
    """An object's key in JSON, as Python's json writes it; numpy's keys as Python's."""
    if isinstance(key, str) and not isinstance(key, enum.Enum):
        return str(key)
    if is_missing(key):
        return "null"
    if isinstance(key, (bool, np.bool_)):
        return str(bool(key)).lower()
    if isinstance(key, enum.Enum):
        return key_text(key.value)
    if isinstance(key, np.timedelta64):  # an np.integer
        raise refuse(key, "Make the keys str.")
    if isinstance(key, (float, np.floating)) and not np.isfinite(key):
        return "NaN" if np.isnan(key) else "Infinity" if key > 0 else "-Infinity"
    if isinstance(key, (int, float, np.integer, np.floating)):
        return str(key.item() if isinstance(key, (np.integer, np.float64)) else key)
    plain = simple(key) if isinstance(key, (np.generic, datetime.date, datetime.time, uuid.UUID)) else None
    if not isinstance(plain, str):
        raise refuse(key, "Make the keys str.")
    return plain


def unique(names: Sequence[str], what: str) -> Sequence[str]:
    """These names, if they differ from each other; Inexpressible otherwise."""
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise Inexpressible(
            f"two {what} are named {twice!r:.100}, and one of them would be lost. Rename one."
        )
    return names


def _builtin(value: Any) -> Any:
    """An enum's value; a subclass of a number or a text as what it is."""
    if isinstance(value, enum.Enum):
        return value.value
    return next(kind(value) for kind in (int, float, str) if isinstance(value, kind))


def _simple_container(value: Any) -> Any:
    kind = type(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (Sequence, Set)):
        return list(value)
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}
    if hasattr(kind, "__struct_fields__"):
        return msgspec.to_builtins(value, builtin_types=_TO_BUILTINS_KEEPS, enc_hook=simple)
    if hasattr(kind, "model_dump"):  # pydantic
        return value.model_dump()
    if hasattr(value, "__array__") and hasattr(value, "dtype") and hasattr(value, "shape"):
        return _of_tensor(value)
    for method in ("to_pylist", "as_py", "tolist"):  # pyarrow's arrays and scalars; pandas' arrays
        if hasattr(value, method):
            return getattr(value, method)()
    raise refuse(value, _advice(value))


def _advice(value: object) -> str:
    if hasattr(value, "__next__") or type(value).__name__.startswith("dict_"):
        return "Return list(...) of it."
    if hasattr(value, "toarray"):  # scipy's sparse matrices
        return "Return its toarray()."
    return _ADVICE


def _of_tensor(value: Any) -> Any:
    """A numpy array of a tensor or of one of pandas' arrays; a list where numpy has no such type."""
    if is_pandas(value):
        return value.tolist()
    if hasattr(value, "detach"):  # torch: of a tensor with a gradient, or on a GPU, numpy makes nothing
        value = value.detach().cpu()
    try:
        return np.asarray(value)
    except (TypeError, RuntimeError):  # bfloat16
        return value.tolist()


def is_pandas(value: object, *names: str) -> bool:
    """Whether this is an object of pandas; with names, of a class of one of these."""
    kind = type(value)
    return kind.__module__.partition(".")[0] == "pandas" and (not names or kind.__name__ in names)


def _simple_scalar(value: np.generic) -> Any:
    if isinstance(value, np.void) and value.dtype.names:
        return {name: value[name] for name in value.dtype.names}
    if value.dtype.kind in "Mm":
        return texts_of_times(np.asarray(value)).item()
    if value.dtype.kind in "bU":
        return value.item()
    if value.dtype.kind in "iuf" and value.dtype.itemsize <= 8:
        return value
    raise refuse(value)


def simple_array(array: npt.NDArray[Any]) -> Any:
    """Convert an array to one that orjson writes exactly, or to a list."""
    kind = array.dtype.kind
    if isinstance(array, np.ma.MaskedArray):
        return _masked(array)
    if kind in "Mm":
        return texts_of_times(array).tolist()
    if kind in "biuf" and array.dtype.itemsize <= 8:
        if not array.ndim:
            return array[()]
        return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    if kind in "OUT":
        return array.tolist()
    if array.dtype.names:
        return list(array) if array.ndim else array[()]
    raise refuse(array)


def _masked(array: Any) -> Any:
    plain = simple_array(np.asarray(array.data))
    if not np.any(array.mask):
        return plain
    values = np.empty(array.shape, dtype=object)
    values[...] = plain if array.ndim else [plain]
    values[np.ma.getmaskarray(array)] = None
    return values.tolist()


# --- dates and durations ----------------------------------------------------------------------------


def time_text(value: Any) -> str:
    """A date, time, datetime or timedelta of Python or pandas, in ISO 8601."""
    if isinstance(value, datetime.timedelta):
        if hasattr(value, "to_timedelta64"):  # pandas, with nanoseconds
            text: str = texts_of_times(np.asarray(value.to_timedelta64())).item()
            return text
        micros = (value.days * 86_400 + value.seconds) * 10**6 + value.microseconds
        return _duration(micros, "us")
    if isinstance(value, datetime.time) and value.tzinfo is not None and value.utcoffset() is None:
        raise refuse(value, "Its time zone has no offset without a date: return a datetime.")
    return str(value.isoformat())


def texts_of_times(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The ISO 8601 texts of an array of datetime64 or timedelta64, as objects; None for NaT."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    unit, step = np.datetime_data(array.dtype)
    if array.dtype.kind == "M":
        values = map(_without_zeros, np.datetime_as_string(_in_seconds(array, unit)).ravel().tolist())
        found: list[str | None] = list(values)
    elif unit == "generic" and not np.isnat(array).all():
        raise refuse(array, "Give it a unit: array.astype('timedelta64[s]').")
    else:
        found = [_duration(count * step, unit) for count in array.astype(np.int64).ravel().tolist()]
    texts = np.empty(array.size, dtype=object)
    texts[:] = found
    texts[np.isnat(array).ravel()] = None
    return texts.reshape(array.shape)


def _in_seconds(array: npt.NDArray[Any], unit: str) -> npt.NDArray[Any]:
    """The dates with a time of day, as Python writes datetimes; finer units as they are."""
    finer = array.astype("datetime64[s]" if unit not in _PER_SECOND or unit == "s" else f"datetime64[{unit}]")
    if not np.array_equal(finer.astype(array.dtype), array, equal_nan=True):
        raise refuse(array, "Its dates are too far from 1970 for seconds.")
    return finer


def _without_zeros(text: str) -> str:
    """No fraction where it is zero; 6 digits, or 9, 12, ... as needed: as Python and pandas write them."""
    whole, point, fraction = text.partition(".")
    if not point:
        return text
    fraction = fraction.ljust(6, "0")
    while len(fraction) > 6 and fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{whole}.{fraction}" if fraction.strip("0") else whole


def _duration(count: int, unit: str) -> str:
    sign, count = ("-", -count) if count < 0 else ("", count)
    if unit in _CALENDAR:
        return f"{sign}P{count}{unit}"
    per_second = _PER_SECOND.get(unit, 1)
    seconds, rest = divmod(count * _SECONDS.get(unit, 1), per_second)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    fraction = f".{rest:0{len(str(per_second)) - 1}d}".rstrip("0") if rest else ""
    return f"{sign}P{days}DT{hours}H{minutes}M{seconds}{fraction}S"
