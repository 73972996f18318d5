"""Predictions of every kind that a model may return: the rows of docs/types.md."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import importlib
import math
import pathlib
import uuid
import zoneinfo
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
import pydantic

pa: Any = importlib.import_module("pyarrow")


class Row(NamedTuple):
    """One kind of prediction."""

    what: str
    make: Callable[[], Any]
    note: str = ""


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


Pair = collections.namedtuple("Pair", "a b")


@dataclasses.dataclass
class Scored:
    label: str
    _score: float


class Struct(msgspec.Struct):
    label: str
    score: float


class Model(pydantic.BaseModel):
    label: str
    score: float


class Tensor:
    """What torch's tensors offer, those that need a gradient."""

    def __init__(self, array: Any, detached: bool = False) -> None:
        self._array, self._detached = array, detached
        self.dtype, self.shape = f"torch.{array.dtype}", array.shape

    def detach(self) -> Tensor:
        return Tensor(self._array, True)

    def cpu(self) -> Tensor:
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if not self._detached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self._array

    def tolist(self) -> Any:
        return self._array.tolist()


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NAN = float("nan")


class Sparse:
    """What scipy's sparse matrices offer."""

    def toarray(self) -> Any:
        return np.zeros(1)


def bytearrays() -> list[bytearray]:
    """One of them, which has no literal."""
    return [bytearray(b"x")]


UNITS = ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns")
ROWS = [
    Row("int of any size", lambda: [1, 2**70]),
    Row("int between -2**63 and 2**64", lambda: [2**64 - 1, 0]),
    Row("int over 53 bits beside a float", lambda: [2**60 + 1, 2.5], "as floats they would be rounded"),
    Row("float, NaN, infinity", lambda: [1.5, NAN, -math.inf], "JSON has neither NaN nor infinities"),
    Row("None", lambda: [1, None]),
    Row("bool", lambda: [True, False]),
    Row("bool and int", lambda: [True, 1]),
    Row("str", lambda: ["a", "", "b"], "in CSV an empty text is a missing value, too"),
    Row("str that ends with NUL", lambda: ["a\0"], "numpy would cut it"),
    Row("str and int", lambda: ["a", 1]),
    Row("complex", lambda: [1j]),
    Row(
        "decimal.Decimal",
        lambda: [decimal.Decimal("0.10"), decimal.Decimal("1E+2")],
        "its digits, as a number",
    ),
    Row("decimal.Decimal, NaN", lambda: [decimal.Decimal("NaN")]),
    Row("fractions.Fraction", lambda: [fractions.Fraction(1, 3)]),
    Row(
        "datetime.datetime",
        lambda: [datetime.datetime.fromisoformat("2024-05-01T12:00:00.000005")],
        "ISO 8601",
    ),
    Row(
        "datetime.datetime with a zone",
        lambda: [datetime.datetime(2024, 5, 1, 12, tzinfo=BERLIN)],
        "JSON and CSV have the offset, not the zone's name",
    ),
    Row("datetime.date", lambda: [datetime.date(2024, 5, 1)]),
    Row("datetime.time", lambda: [datetime.time(12, 30)]),
    Row("datetime.time with an offset", lambda: [datetime.time(12, 30, tzinfo=datetime.UTC)]),
    Row(
        "datetime.time with a zone",
        lambda: [datetime.time(12, 30, tzinfo=BERLIN)],
        "its offset depends on the date",
    ),
    Row("datetime.timedelta", lambda: [datetime.timedelta(hours=-36, microseconds=-5)], "ISO 8601"),
    Row("bytes in a list", lambda: [b"x"], "alone, bytes are the body"),
    Row("bytearray in a list", bytearrays),
    Row("memoryview in a list", lambda: [memoryview(b"x")]),
    Row("enum", lambda: [Color.RED], "its value"),
    Row("IntEnum", lambda: [Level.LOW], "its value"),
    Row("uuid.UUID", lambda: [uuid.UUID(int=1)]),
    Row("pathlib.Path", lambda: [pathlib.PurePosixPath("/a")]),
    Row("tuple, range, deque", lambda: collections.deque((1, 2)), "a list"),
    Row("set", lambda: {1}, "a list in any order"),
    Row("namedtuple", lambda: Pair(1, 2), "a list"),
    Row("namedtuples in a list", lambda: [Pair(1, "x")], "rows"),
    Row("dataclass", lambda: Scored("x", 0.5), "an object"),
    Row("msgspec.Struct", lambda: [Struct("x", 0.5)], "an object, fields as msgspec names them"),
    Row("pydantic.BaseModel", lambda: [Model(label="x", score=0.5)], "what its model_dump() gives"),
    Row("dict", lambda: {"a": 1, "b": "x"}, "in CSV below a header"),
    Row("dict, other keys", lambda: {1: 2, None: 3, np.int64(5): 4}, "keys as text"),
    Row("dict, keys of one text", lambda: {1: 2, "1": 3}, "CSV has both columns"),
    Row("dict, keys that are tuples", lambda: {(1, 2): 3}),
    Row("dict in a dict", lambda: {"a": {"b": [1]}}),
    Row("dicts with different keys", lambda: [{"a": 1}, {"b": 2}]),
    Row("generator, iterator, dict view", lambda: (number for number in range(2)), "return list(...) of it"),
    Row("other objects", lambda: [object()]),
    Row("array of float64", lambda: np.array([1.5, NAN])),
    Row("array of float32", lambda: np.array([0.1], "f4"), "the shortest digits of its own precision"),
    Row("array of float16", lambda: np.array([0.1], "f2")),
    Row("array of longdouble", lambda: np.array([0.5], "g")),
    Row("array of uint64", lambda: np.array([2**64 - 1], "u8")),
    Row("array of another byte order", lambda: np.array([1, 2], ">i4")),
    Row("array of bool", lambda: np.array([True])),
    Row("array of complex", lambda: np.array([1 + 2j])),
    Row("array of bytes", lambda: np.array([b"x"])),
    Row("array of str", lambda: np.array(["x", ""])),
    Row("array of StringDType", lambda: np.array(["x", "yy"], dtype=np.dtypes.StringDType())),
    Row("array of objects", lambda: np.array([1, "a", None], dtype=object), "each as by itself"),
    Row("array without dimensions", lambda: np.array(1.5)),
    Row("array of three dimensions", lambda: np.zeros((1, 1, 2))),
    Row("masked array", lambda: np.ma.array([1.5, 2.5], mask=[False, True])),
    Row("masked element", lambda: [1.5, np.ma.masked]),
    Row(
        "structured array",
        lambda: np.array([(1, 0.5, "x")], dtype=[("a", "i4"), ("b", "f4"), ("c", "U3")]),
        "objects",
    ),
    Row("record of one", lambda: np.array([(1, 0.5)], dtype=[("a", "i4"), ("b", "f4")])[0], "an object"),
    Row("array of void", lambda: np.zeros(1, "V3")),
    *(Row(f"datetime64[{unit}]", partial(np.array, ["2024-05-01", "NaT"], f"M8[{unit}]")) for unit in UNITS),
    *(Row(f"timedelta64[{unit}]", partial(np.array, [1, "NaT", -36], f"m8[{unit}]")) for unit in UNITS),
    Row("datetime64 with nanoseconds", lambda: np.array(["2024-05-01T00:00:00.123456789"], "M8[ns]")),
    Row("datetime64 in a list", lambda: [np.datetime64("2024-05-01T00:00:00.123"), np.datetime64("NaT")]),
    Row("datetime64 too far for seconds", lambda: np.array([10**18], "M8[D]")),
    Row("timedelta64 in a list", lambda: [np.timedelta64(1, "s")]),
    Row("timedelta64 without a unit", lambda: np.array([1], "m8")),
    Row("torch tensor", lambda: Tensor(np.array([0.1], "f4")), "on a GPU or with a gradient, too"),
    Row("scipy sparse matrix", Sparse, "return its toarray()"),
    Row("pandas.NA, pandas.NaT", lambda: [1, pd.NA, pd.NaT]),
    Row("pandas.Timestamp", lambda: [pd.Timestamp("2024-05-01"), pd.NaT]),
    Row("pandas.Timestamp, nanoseconds", lambda: [pd.Timestamp("2024-05-01T00:00:00.123456789")]),
    Row("pandas.Timestamp with a zone", lambda: [pd.Timestamp("2024-05-01", tz="Europe/Berlin")]),
    Row("pandas.Timedelta", lambda: [pd.Timedelta("1ns")]),
    Row("pandas.Period", lambda: [pd.Period("2024-05", "M")], "its text"),
    Row("pandas.Interval", lambda: [pd.Interval(0, 1)], "its text"),
    Row("Series", lambda: pd.Series([1, 2], name="n"), "its values"),
    Row("Series with labels", lambda: pd.Series([1, 2], index=["a", "b"]), "reset_index() keeps them"),
    Row("Series of str", lambda: pd.Series(["a", None])),
    Row("Series of Int64", lambda: pd.Series([1, None], dtype="Int64")),
    Row("Series of Float64", lambda: pd.Series([1.5, None], dtype="Float64")),
    Row("Series of boolean", lambda: pd.Series([True, None], dtype="boolean")),
    Row("Series of category", lambda: pd.Series(["a", None], dtype="category"), "its values"),
    Row("Series of datetimes", lambda: pd.Series(pd.to_datetime(["2024-05-01", None]))),
    Row(
        "Series with a zone",
        lambda: pd.Series(pd.to_datetime(["2024-05-01", None])).dt.tz_localize("Europe/Berlin"),
    ),
    Row("Series of timedeltas", lambda: pd.Series([pd.Timedelta("1s")])),
    Row("Series, sparse", lambda: pd.Series(pd.arrays.SparseArray([0, 0, 1.5]))),
    Row("Series of Period", lambda: pd.Series(pd.period_range("2024-05", periods=1, freq="M")), "its text"),
    Row("Series of Interval", lambda: pd.Series(pd.interval_range(0, 1)), "its text"),
    Row("Series of ArrowDtype", lambda: pd.Series([1, None], dtype="int64[pyarrow]")),
    Row("Series of objects", lambda: pd.Series([decimal.Decimal("0.1"), NAN], dtype=object)),
    Row("Index", lambda: pd.Index([1, 2])),
    Row("MultiIndex", lambda: pd.MultiIndex.from_tuples([(1, "a")]), "rows"),
    Row("Categorical", lambda: pd.Categorical(["a"])),
    Row(
        "DataFrame",
        lambda: pd.DataFrame({"a": [1, 2**60 + 1], "b": [0.5, NAN], "c": ["x", None]}),
        "CSV and NPY without the names",
    ),
    Row("DataFrame of numbers", lambda: pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})),
    Row("DataFrame, row numbers", lambda: pd.DataFrame({"a": [1, 2]})[1:], "which are not written"),
    Row(
        "DataFrame, named index",
        lambda: pd.DataFrame({"a": [1]}, index=pd.Index([7], name="id")),
        "reset_index() keeps it",
    ),
    Row(
        "DataFrame, MultiIndex",
        lambda: pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, "a")])),
        "reset_index() keeps it",
    ),
    Row("DataFrame, columns of one name", lambda: pd.DataFrame([[1, 2]], columns=["a", "a"])),
    Row(
        "DataFrame, columns of several levels",
        lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
    ),
    Row("DataFrame, numbers as names", lambda: pd.DataFrame([[1.5, 2]])),
    Row("pyarrow.Table", lambda: pa.table({"a": [1, None], "b": ["x", "y"]})),
    Row(
        "pyarrow.Table, columns of one name",
        lambda: pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
        "Arrow keeps both, Parquet refuses",
    ),
    Row("pyarrow.RecordBatch", lambda: pa.RecordBatch.from_pydict({"a": [1, 2]})),
    Row("pyarrow.Array", lambda: pa.array([1, None])),
    Row("pyarrow.ChunkedArray", lambda: pa.chunked_array([[1], [2]])),
    Row("pyarrow.Scalar", lambda: pa.scalar(1)),
    Row("pyarrow dictionary", lambda: pa.array(["a"]).dictionary_encode()),
    Row("pyarrow decimal", lambda: pa.array([decimal.Decimal("0.10")])),
    Row("pyarrow binary", lambda: pa.array([b"x"])),
    Row("pyarrow duration", lambda: pa.array([1], pa.duration("ns"))),
    Row("pyarrow struct", lambda: pa.array([{"a": 1}])),
    Row("pyarrow map", lambda: pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), "pairs"),
    Row(
        "numpy, pandas in a dict",
        lambda: {"a": np.array(["NaT"], "M8[s]"), "b": pd.Series([1]), "c": pd.DataFrame({"d": [1]})},
    ),
]
