"""Tables of pandas and pyarrow as columns and records; and the elements of any prediction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from longshore_runtime.runners.model.encoding import values
from longshore_runtime.runners.model.encoding.values import Inexpressible

_ROWS = (
    4096  # of a table that are Python objects at a time: a dict takes ten times as much memory as its text
)


def simple(value: Any) -> Any:
    """The same as values.simple, for a pandas Series, too."""
    if is_series(value):
        check_labels(value)
        return column_values(value)
    return values.simple(value)


def is_frame(value: Any) -> bool:
    """Whether this is a pandas DataFrame; pandas is never imported here."""
    return _offers(value, "iloc", "columns", "to_numpy")


def is_series(value: Any) -> bool:
    """Whether this is a pandas Series."""
    return _offers(value, "iloc", "to_numpy") and not _offers(value, "columns")


def is_arrow(value: Any) -> bool:
    """Whether this is a pyarrow Table or RecordBatch."""
    return _offers(value, "to_pylist", "schema")


def is_table(value: Any) -> bool:
    """Whether this has named columns."""
    return is_frame(value) or is_arrow(value)


def _offers(value: object, *names: str) -> bool:
    """Whether its class has these: an object itself may claim to have any attribute, as some dicts do."""
    kind = type(value)
    return all(hasattr(kind, name) for name in names)


def check_labels(pandas_object: Any) -> None:
    """Raise Inexpressible if the index holds more than row numbers: no format has a place for it."""
    index = pandas_object.index
    numbers = not len(index) or getattr(index.dtype, "kind", "O") in "iu"
    if index.nlevels > 1 or index.name is not None or not numbers:
        raise Inexpressible(
            f"the index of a pandas {type(pandas_object).__name__} would be lost. Call reset_index() to make"
            " it a column, or reset_index(drop=True)."
        )


def names_of(table: Any) -> Sequence[str]:
    """The column names of a table, as text. Raises Inexpressible if two are equal, or have several levels."""
    if not is_frame(table):
        return values.unique(table.schema.names, "columns")
    if table.columns.nlevels > 1:
        raise Inexpressible(
            "a pandas DataFrame whose columns have several levels cannot be written."
            " Join the levels: df.columns = df.columns.map('_'.join)."
        )
    return values.unique([values.key_text(label) for label in table.columns.tolist()], "columns")


def column_values(column: Any) -> npt.NDArray[Any] | list[Any]:
    """The values of a pandas Series: numpy's own types as an array, others as a list, None where missing."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufcMm":
        array: npt.NDArray[Any] = column.to_numpy()
        return array
    if type(column.dtype).__name__ == "SparseDtype":
        return np.asarray(column)
    found: list[Any] = column.tolist()
    missing = column.isna().tolist()
    return [None if gone else value for value, gone in zip(found, missing, strict=True)]


def frame_columns(frame: Any) -> list[list[Any]]:
    """The columns of a pandas DataFrame as lists, by position."""
    check_labels(frame)
    return [_as_list(column_values(frame.iloc[:, number])) for number in range(frame.shape[1])]


def _as_list(column: npt.NDArray[Any] | list[Any]) -> list[Any]:
    if isinstance(column, np.ndarray) and column.dtype.kind in "biufMm":
        column = values.simple_array(column)
    if isinstance(column, list):
        return column
    # Those smaller than Python's float have a shorter text than it.
    return list(column) if column.dtype.kind in "fc" and column.dtype.itemsize < 8 else column.tolist()


def row_parts(table: Any) -> Iterator[list[Sequence[Any]]]:
    """The rows of a table, some thousands at a time."""
    if is_frame(table):
        for start in range(0, len(table), _ROWS):
            yield list(zip(*frame_columns(table.iloc[start : start + _ROWS]), strict=True))
    else:
        batches = table.to_batches(max_chunksize=_ROWS) if hasattr(table, "to_batches") else (table,)
        for batch in batches:
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def record_parts(table: Any) -> Iterator[list[dict[str, Any]]]:
    """The rows as objects, some thousands at a time."""
    names = names_of(table)
    for rows in row_parts(table):
        yield [dict(zip(names, row, strict=True)) for row in rows]


def elements(prediction: Any) -> Iterable[Any]:
    """Return what gets a line each: a table's records, a sequence's elements, or the prediction itself."""
    if is_table(prediction):
        return chain.from_iterable(record_parts(prediction))
    while not isinstance(prediction, (list, tuple)):
        if type(prediction) is np.ndarray and prediction.ndim and prediction.dtype.kind not in "Mm":
            return list(prediction)
        if isinstance(prediction, (str, int, float, Mapping, np.generic, type(None))):
            return [prediction]
        try:
            prediction = simple(prediction)
        except Inexpressible:  # the format may know more
            return [prediction]
    return prediction


def plain_elements(prediction: Any) -> list[Any]:
    """The elements, with objects of whatever kind (dataclasses, numpy records, ...) as dicts."""
    return [
        element if isinstance(element, _PLAIN) else _unpacked(element) for element in elements(prediction)
    ]


_PLAIN = (str, int, float, dict, list, tuple)


def _unpacked(element: Any) -> Any:
    if isinstance(element, Set):  # without an order, it is no row
        return element
    try:
        plain = simple(element)
    except Inexpressible:
        return element
    return plain if isinstance(plain, (dict, list)) else element


def are_alike(found: Sequence[Any]) -> bool:
    """Whether these are objects with the same keys, so that they make a table."""
    keys = found[0].keys() if found and isinstance(found[0], Mapping) else ()
    return bool(keys) and all(isinstance(e, Mapping) and e.keys() == keys for e in found)
