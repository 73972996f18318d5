"""Predictions to answer bodies, in the type the caller accepts.

A writer writes the whole of a prediction, or refuses because its format cannot say it; then the next
type the caller accepts is tried.
"""

from __future__ import annotations

import csv
import datetime
import importlib
import io
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media

_Writer = Callable[[Any], bytes]


class _Inexpressible(Exception):
    """The prediction cannot be written in the format asked for."""


def encode(
    prediction: object, accept: str, content_type: str, default_accept: str | None
) -> tuple[bytes, str]:
    """The answer's body and its media type, for a request's Accept and Content-Type ('' where absent).

    Where the caller has no preference (no Accept, '' or '*/*'), default_accept is tried first, or
    without it the request's own type, then JSON. bytes pass as they are, str is text where that is
    accepted. What each format makes of a prediction:

    JSON            NaN and infinities become null; sets, numpy, pandas and pyarrow objects become lists,
                    tables lists of objects
    JSON Lines      one element a line; what has no elements is one line
    CSV             one value a line, or a row a line; objects with the same keys below a header of them;
                    NaN is 'nan', None is empty; nothing nested
    NPY             what numpy makes an array of numbers or strings of
    Parquet, Arrow  a table's own columns, an object's keys, or columns named '0', '1', ...

    Raises RequestError 406 where no accepted type can be written, TypeError where the prediction has
    something that no JSON can say: the model's fault, not the caller's.
    """
    if isinstance(prediction, (bytes, bytearray, memoryview)):
        return bytes(prediction), _type_of_bytes(accept, default_accept)
    refused = []
    for kind in _ranked(accept, content_type, default_accept, isinstance(prediction, str)):
        try:
            return _WRITERS[kind](prediction), _ANSWERED.get(kind, kind)
        except _Inexpressible:
            refused.append(kind)
        except UnicodeEncodeError as error:  # a ValueError, though it is the model's fault
            raise TypeError(f"the prediction has text that is not valid Unicode: {error}") from error
    possible = [kind for kind in media.SUPPORTED if kind not in refused and _can_be(prediction, kind)]
    if not possible:
        raise TypeError(
            f"a prediction of type {type(prediction).__name__} cannot be written as any media type"
        )
    raise RequestError(
        406, f"The answer cannot be given as {accept[:100]!r}. Accept one of: {', '.join(possible)}."
    )


def _can_be(prediction: object, kind: str) -> bool:
    try:
        _WRITERS[kind](prediction)
    except (_Inexpressible, TypeError, UnicodeEncodeError):
        return False
    return True


@lru_cache(maxsize=256)
def _rank(accept: str, content_type: str, default_accept: str | None, is_text: bool) -> tuple[str, ...]:
    preferred = media.canonical(media.parse(default_accept or content_type).type)
    offered = media.SUPPORTED + ((media.TEXT,) if is_text else ())
    if preferred in offered:
        offered = tuple(dict.fromkeys((preferred, *offered)))
    return media.rank(accept, offered)


def _ranked(accept: str, content_type: str, default_accept: str | None, is_text: bool) -> tuple[str, ...]:
    """The types to try, in turn. Remembered as media's are: for headers of bounded length."""
    short = len(accept) <= media.LONGEST_REMEMBERED and len(content_type) <= media.LONGEST_REMEMBERED
    rank = _rank if short else _rank.__wrapped__
    return rank(accept, content_type, default_accept, is_text)


def _type_of_bytes(accept: str, default_accept: str | None) -> str:
    """What the model's own bytes are: what was asked for by name, or else what the deployment says."""
    named = (wanted for wanted in media.acceptable(accept) if "*" not in wanted)
    return next(named, default_accept or media.BYTES)


# --- what a prediction is ---------------------------------------------------------------------------


def _is_frame(value: Any) -> bool:
    """Whether this is a pandas DataFrame; pandas is never imported here."""
    return hasattr(value, "iloc") and hasattr(value, "columns") and hasattr(value, "to_numpy")


def _simple(value: Any) -> Any:
    """One step from a library's object towards what orjson writes; TypeError where there is none."""
    if isinstance(value, np.ndarray) and not value.flags.c_contiguous:
        return value.copy()  # which is; orjson writes it faster than a list, and float32 with fewer digits
    if _is_frame(value):
        return value.to_dict(orient="records")
    for method in ("to_pylist", "tolist", "isoformat"):  # pyarrow; numpy, pandas, torch; a kind of datetime
        if hasattr(value, method):
            return getattr(value, method)()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _elements(prediction: Any) -> list[Any]:
    """What there is one line of in the answer: the elements of a sequence, a prediction itself otherwise."""
    if isinstance(prediction, np.ndarray) and prediction.ndim:
        return list(prediction)
    if not isinstance(prediction, (list, tuple, str, Mapping, np.generic)):
        try:
            prediction = _simple(prediction)
        except TypeError:  # orjson may know more
            return [prediction]
    return list(prediction) if isinstance(prediction, (list, tuple)) else [prediction]


def _are_alike(elements: list[Any]) -> bool:
    """Whether these are objects with the same keys, so that they make a table."""
    keys = elements[0].keys() if elements and isinstance(elements[0], Mapping) else ()
    return bool(keys) and all(isinstance(e, Mapping) and e.keys() == keys for e in elements)


# --- JSON and text ----------------------------------------------------------------------------------


def _json(prediction: Any, option: int = orjson.OPT_SERIALIZE_NUMPY) -> bytes:
    try:
        return orjson.dumps(prediction, _simple, option)
    except TypeError as error:
        if "Dict key must" not in str(error) and "endian" not in str(error):
            raise
    # What orjson never hands to _simple. Tried last, as it is slower for every prediction.
    return orjson.dumps(_plain(prediction), _simple, option | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    """The same with Python's own keys, which zip(model.classes_, scores) has not, and native arrays."""
    if isinstance(value, Mapping):
        return {k.item() if isinstance(k, np.generic) else k: _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return value.astype(value.dtype.newbyteorder("="), copy=False)
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _json_lines(prediction: Any) -> bytes:
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    return b"".join(_json(element, option) for element in _elements(prediction))


def _text(prediction: str) -> bytes:
    return prediction.encode()


# --- CSV --------------------------------------------------------------------------------------------

_CELLS = (str, Number, np.generic, datetime.date, datetime.time, type(None))
_NO_CELLS = (bytes, np.void, np.object_)


def _csv(prediction: Any) -> bytes:
    if isinstance(prediction, str):  # CSV already
        return prediction.encode() if prediction.endswith("\n") else prediction.encode() + b"\n"
    if _is_frame(prediction):
        prediction = prediction.to_numpy()
    if type(prediction) is np.ndarray and _is_plain(prediction):
        return _csv_of_numbers(prediction)
    rows = _rows(_elements(prediction))
    for kind in {type(cell) for row in rows for cell in row}:
        if not issubclass(kind, _CELLS) or issubclass(kind, _NO_CELLS):
            raise _Inexpressible
    lines = _Lines()
    # Given this line end, csv quotes both characters of it in a field, which Python 3.11 does not otherwise.
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return "".join(lines.written).encode()


class _Lines:
    """A file for csv to write to, a row at a time, with plain line ends."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, row: str) -> None:
        self.written.append(row.removesuffix("\r\n") + "\n")


def _is_plain(array: npt.NDArray[Any]) -> bool:
    """Whether these are numbers orjson writes, in one or two dimensions, none of them empty."""
    return array.dtype.kind in "iuf" and array.dtype.itemsize <= 8 and 1 <= array.ndim <= 2 and array.size > 0


def _csv_of_numbers(array: npt.NDArray[Any]) -> bytes:
    text = _json(array)
    text = text[1:-1].replace(b",", b"\n") if array.ndim == 1 else text[2:-2].replace(b"],[", b"\n")
    if b"null" in text:  # what JSON has not: nan, inf, -inf
        names = [str(number).encode() for number in array[~np.isfinite(array)].tolist()]
        text = b"".join(map(b"".join, zip(text.split(b"null"), [*names, b""], strict=True)))
    return text + b"\n"


def _rows(elements: list[Any]) -> list[list[Any]]:
    if _are_alike(elements):
        return [list(elements[0]), *([e[key] for key in elements[0]] for e in elements)]
    if not any(map(_is_row, elements)):
        return [[e] for e in elements]
    if not all(_is_row(e) and 0 < len(e) == len(elements[0]) for e in elements):
        raise _Inexpressible
    return [list(e) for e in elements]


def _is_row(element: Any) -> bool:
    return isinstance(element, (list, tuple)) or (isinstance(element, np.ndarray) and element.ndim == 1)


# --- NPY, Parquet and Arrow -------------------------------------------------------------------------


def _npy(prediction: Any) -> bytes:
    body = io.BytesIO()
    try:
        np.save(body, np.asarray(prediction), allow_pickle=False)
    except (ValueError, TypeError, OverflowError):  # ragged, or Python objects
        raise _Inexpressible from None
    return body.getvalue()


def _table(prediction: Any, pyarrow: Any) -> Any:
    if isinstance(prediction, pyarrow.Table):
        return prediction
    if _is_frame(prediction):
        return pyarrow.Table.from_pandas(prediction, preserve_index=False)
    elements = [prediction] if isinstance(prediction, Mapping) else prediction
    if isinstance(elements, list) and _are_alike(elements):
        return pyarrow.Table.from_pylist([dict(e) for e in elements])
    # As objects, so that each column of a list of rows keeps a type of its own.
    array = prediction if isinstance(prediction, np.ndarray) else np.asarray(prediction, dtype=object)
    if array.ndim > 2 or array.size == 0:
        raise _Inexpressible
    columns = np.atleast_1d(array).reshape(len(array) if array.ndim else 1, -1).T
    return pyarrow.table({str(index): column for index, column in enumerate(columns)})


def _arrow(prediction: Any, form: str) -> bytes:
    pyarrow = importlib.import_module("pyarrow")
    sink = pyarrow.BufferOutputStream()
    try:
        table = _table(prediction, pyarrow)
        if form == "parquet":
            importlib.import_module("pyarrow.parquet").write_table(table, sink)
        else:
            with getattr(pyarrow.ipc, form)(sink, table.schema) as writer:
                writer.write_table(table)
    except (pyarrow.ArrowException, ValueError, TypeError, OverflowError):
        raise _Inexpressible from None
    body: bytes = sink.getvalue().to_pybytes()
    return body


_WRITERS: dict[str, _Writer] = {
    media.JSON: _json,
    media.JSON_LINES: _json_lines,
    media.CSV: _csv,
    media.NPY: _npy,
    media.TEXT: _text,
    media.PARQUET: partial(_arrow, form="parquet"),
    media.ARROW_STREAM: partial(_arrow, form="new_stream"),
    media.ARROW_FILE: partial(_arrow, form="new_file"),
}
# The media types of answers, where they are more than the canonical type.
_ANSWERED = {media.CSV: "text/csv; charset=utf-8", media.TEXT: "text/plain; charset=utf-8"}
