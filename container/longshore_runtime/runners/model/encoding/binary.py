"""NPY, Parquet and Arrow."""

from __future__ import annotations

import datetime
import importlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from longshore_runtime.runners.model.encoding import tables, values
from longshore_runtime.runners.model.encoding.values import Inexpressible

_PLAIN = frozenset((str, int, float, bool, type(None)))
_DEEPEST = 64
_EXACT = 2**53  # up to here every integer is a float64


# --- NPY --------------------------------------------------------------------------------------------


def to_npy(prediction: Any) -> bytes:
    """The prediction as an array of numbers or texts; a table's values, without its names."""
    body = io.BytesIO()
    try:
        np.save(body, _array(prediction), allow_pickle=False)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:  # ragged, or Python objects
        raise Inexpressible(f"it cannot be an array of one type: {error}") from None
    return body.getvalue()


def _array(prediction: Any) -> npt.NDArray[Any]:
    if tables.is_frame(prediction):
        tables.check_labels(prediction)
        return _stacked([tables.column_values(prediction.iloc[:, n]) for n in range(prediction.shape[1])])
    if tables.is_arrow(prediction):
        return _stacked([_arrow_values(column) for column in prediction.columns])
    if hasattr(prediction, "to_pylist"):
        return np.asarray(_arrow_values(prediction))
    if isinstance(prediction, np.generic):
        return np.asarray(prediction)
    if not isinstance(prediction, (np.ndarray, list, tuple)) and hasattr(prediction, "__array__"):
        prediction = tables.simple(prediction)
    if isinstance(prediction, np.ndarray) and prediction.dtype.kind == "T":
        raise Inexpressible("NPY has no numpy StringDType: return array.astype(str).")
    if isinstance(prediction, np.ma.MaskedArray):
        if np.any(prediction.mask):
            raise Inexpressible("NPY has no missing values.")
        return np.asarray(prediction.data)
    return prediction if isinstance(prediction, np.ndarray) else _of_objects(prediction)


def _arrow_values(column: Any) -> Any:
    if column.null_count:
        raise Inexpressible("NPY has no missing values.")
    return column.to_numpy() if hasattr(column, "chunks") else column.to_numpy(zero_copy_only=False)


def _stacked(columns: list[Any]) -> npt.NDArray[Any]:
    arrays = [np.asarray(column) for column in columns]
    kinds = {array.dtype.kind for array in arrays}
    if not kinds or (len(kinds) > 1 and not kinds <= set("iufc")) or "O" in kinds:
        raise Inexpressible("its columns have several types.")
    stacked = np.stack(arrays, axis=1)
    if stacked.dtype.kind in "fc" and any(_too_large(a) for a in arrays if a.dtype.kind in "iu"):
        raise Inexpressible("its integers are too large for an array that has floats as well.")
    return stacked


def _too_large(array: npt.NDArray[Any]) -> bool:
    return bool(array.size and (array.max() > _EXACT or array.min() < -_EXACT))


def _of_objects(prediction: Any) -> npt.NDArray[Any]:
    """The array numpy makes of Python's objects, if it makes no other values of them."""
    if _holds(prediction, (bytearray, memoryview, np.ma.MaskedArray)):
        raise Inexpressible("numpy would make other values of some.")
    array = np.asarray(prediction)
    leaves = np.asarray(prediction, dtype=object).ravel().tolist()
    kinds = {_kind(leaf) for leaf in leaves}
    numbers = kinds <= set("ifc")
    if (len(kinds) > 1 and not numbers) or (kinds == {"i"} and array.dtype.kind not in "iu"):
        raise Inexpressible("it has values of several types.")
    if len(kinds) > 1 and any(abs(leaf) > _EXACT for leaf in leaves if _kind(leaf) == "i"):
        raise Inexpressible("its integers are too large for an array that has floats as well.")
    if array.dtype.kind in "US" and any(leaf[-1:] in ("\0", b"\0") for leaf in leaves):
        raise Inexpressible("a text of an array cannot end with the character 0.")
    return array


def _holds(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds(element, kinds) for element in value)
    return isinstance(value, kinds)


def _kind(leaf: object) -> str:
    kind = (
        np.result_type(type(leaf)).kind if isinstance(leaf, (bool, int, float, complex, str, bytes)) else "O"
    )
    kind = leaf.dtype.kind if isinstance(leaf, np.generic) else kind
    return "i" if kind == "u" else kind


# --- Parquet and Arrow ------------------------------------------------------------------------------


def to_arrow(prediction: Any, form: str) -> bytes:
    """The prediction as a table in `form`: parquet, new_stream or new_file."""
    pyarrow = importlib.import_module("pyarrow")
    body = io.BytesIO()
    try:
        table = _table(prediction, pyarrow)
        if form == "parquet":
            values.unique(table.column_names, "columns")  # which few can read
            importlib.import_module("pyarrow.parquet").write_table(table, body)
        else:
            with getattr(pyarrow.ipc, form)(body, table.schema) as writer:
                writer.write_table(table)
    except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise Inexpressible(f"it is no table: {error}") from None
    return body.getvalue()


def _table(prediction: Any, pyarrow: Any) -> Any:
    if tables.is_frame(prediction):
        tables.check_labels(prediction)
        tables.names_of(prediction)
        return pyarrow.Table.from_pandas(prediction, preserve_index=False)
    if tables.is_series(prediction):
        tables.check_labels(prediction)
        return pyarrow.Table.from_pandas(prediction.to_frame("0"), preserve_index=False)
    if tables.is_arrow(prediction):
        is_table = isinstance(prediction, pyarrow.Table)
        return prediction if is_table else pyarrow.Table.from_batches([prediction])
    if isinstance(prediction, (pyarrow.Array, pyarrow.ChunkedArray)):
        return pyarrow.table({"0": prediction})
    if isinstance(prediction, pyarrow.Scalar):
        return pyarrow.table({"0": pyarrow.array([prediction.as_py()], prediction.type)})
    if not isinstance(prediction, (np.ndarray, list, tuple, str)) and hasattr(prediction, "__array__"):
        prediction = tables.simple(prediction)
    if isinstance(prediction, np.ndarray) and prediction.dtype.kind != "O":
        return pyarrow.table(
            {name: _arrow_array(column, pyarrow) for name, column in _array_columns(prediction)}
        )
    return _of_elements(tables.plain_elements(prediction), pyarrow)


def _array_columns(array: npt.NDArray[Any]) -> list[tuple[str, npt.NDArray[Any]]]:
    if array.ndim > 2 or array.size == 0:
        raise Inexpressible("only arrays of one or two dimensions are tables.")
    if array.dtype.names:
        if array.ndim > 1:
            raise Inexpressible("a structured array of several dimensions is no table.")
        return [(name, np.atleast_1d(array[name])) for name in array.dtype.names]
    columns = array.reshape(len(array) if array.ndim else 1, -1).T
    return [(str(number), column) for number, column in enumerate(columns)]


def _arrow_array(column: npt.NDArray[Any], pyarrow: Any) -> Any:
    native = column.astype(column.dtype.newbyteorder("="), copy=False)
    mask = np.ma.getmaskarray(native) if isinstance(native, np.ma.MaskedArray) else None
    array = pyarrow.array(np.asarray(native), mask=mask)
    if native.dtype.kind == "M" and mask is None:  # pyarrow wraps days over 32 bits
        back = array.to_numpy(zero_copy_only=False).astype(native.dtype)
        if not np.array_equal(back, native, equal_nan=True):
            raise Inexpressible("Arrow has no dates so far from 1970.")
    return array


def _of_elements(elements: list[Any], pyarrow: Any) -> Any:
    if not elements:
        raise Inexpressible("it has no elements, and so no columns.")
    if tables.are_alike(elements):
        names = [values.key_text(name) for name in elements[0]]
        columns = [[e[name] for e in elements] for name in elements[0]]
    else:
        rows = [e.tolist() if isinstance(e, np.ndarray) else e for e in elements]
        if any(isinstance(row, (list, tuple)) for row in rows):
            if not all(isinstance(row, (list, tuple)) and 0 < len(row) == len(rows[0]) for row in rows):
                raise Inexpressible("its rows are not of one length.")
            columns = [list(column) for column in zip(*rows, strict=True)]
        else:
            columns = [rows]
        names = [str(number) for number in range(len(columns))]
    columns = [[None if values.is_missing(value) else value for value in column] for column in columns]
    for column in columns:
        if not _PLAIN.issuperset(map(type, column)):
            _check_depth(column, _DEEPEST)
    arrays = [pyarrow.array(column) for column in columns]
    for column, array in zip(columns, arrays, strict=True):
        back = array.to_pylist()
        plain = _PLAIN.issuperset(map(type, column)) and column == back  # soon found out
        if not plain and not _same(column, back):
            raise Inexpressible("Arrow would make other values of some.")
    return pyarrow.table(dict(zip(values.unique(names, "columns"), arrays, strict=True)))


def _check_depth(value: Any, left: int) -> None:
    """Refuse what pyarrow would recurse into until the process dies: lists that hold themselves."""
    if isinstance(value, (list, tuple, Mapping)):
        if not left:
            raise Inexpressible("its lists are nested too deeply.")
        for element in value.values() if isinstance(value, Mapping) else value:
            _check_depth(element, left - 1)


def _same(ours: Any, theirs: Any) -> bool:
    """Whether what Arrow has made of a value is still that value."""
    if isinstance(ours, (Sequence, np.ndarray)) and not isinstance(ours, (str, bytes, bytearray)):
        return isinstance(theirs, list) and len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(ours, Mapping):
        return (
            isinstance(theirs, Mapping)
            and ours.keys() == theirs.keys()
            and all(_same(ours[key], theirs[key]) for key in ours)
        )
    if theirs is None or isinstance(ours, datetime.time):  # of which Arrow drops the zone
        return theirs == ours and getattr(ours, "tzinfo", None) is None
    return bool(ours == theirs or (ours != ours and theirs != theirs))
