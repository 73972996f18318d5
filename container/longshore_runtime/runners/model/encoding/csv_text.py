"""CSV: a row for each element; a header where the elements are objects, or a table of pyarrow."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from longshore_runtime.runners.model.encoding import json_text, tables, values
from longshore_runtime.runners.model.encoding.values import Inexpressible

_Rows = Iterable[Sequence[Any]]
# What csv writes as it should be.
_CELLS = frozenset(
    (
        *(str, int, float, bool, complex, type(None), np.str_, np.bool_),
        *(np.float64, np.float32, np.int64, np.int32),
    )
)


def to_csv(prediction: Any) -> bytes:
    """The prediction as CSV. Raises Inexpressible for what has a value in a value."""
    if isinstance(prediction, str):  # CSV already
        return prediction.encode() if prediction.endswith("\n") else prediction.encode() + b"\n"
    if json_text.is_plain_array(prediction):
        return json_text.in_parts(prediction, _of_numbers)
    lines = _Lines()
    # Given this line end, csv quotes both characters of it in a field, which Python 3.11 does not otherwise.
    writer = csv.writer(lines, lineterminator="\r\n")
    if tables.is_table(prediction):
        if tables.is_frame(prediction):
            tables.check_labels(prediction)
            if len(set(prediction.dtypes)) == 1 and json_text.is_plain_array(prediction.to_numpy()):
                return to_csv(prediction.to_numpy())
        else:
            writer.writerow(prediction.schema.names)
        for part in tables.row_parts(prediction):
            writer.writerows(_cells(part))
        return lines.buffer.getvalue()
    if tables.is_series(prediction):
        return to_csv(tables.simple(prediction))
    writer.writerows(_cells(_rows(tables.plain_elements(prediction))))
    return lines.buffer.getvalue()


class _Lines:
    """A file for csv to write to, a row at a time, with plain line ends."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()

    def write(self, row: str) -> None:
        self.buffer.write(row.removesuffix("\r\n").encode() + b"\n")


def _of_numbers(array: npt.NDArray[Any]) -> bytes:
    text = json_text.to_json(array)
    text = text[1:-1].replace(b",", b"\n") if array.ndim == 1 else text[2:-2].replace(b"],[", b"\n")
    if b"null" in text:  # what JSON has not: nan, inf, -inf
        names = [str(number).encode() for number in array[~np.isfinite(array)].tolist()]
        text = b"".join(map(b"".join, zip(text.split(b"null"), [*names, b""], strict=True)))
    return text + b"\n"


def _rows(elements: list[Any]) -> _Rows:
    if tables.are_alike(elements):
        names = list(elements[0])
        return chain([names], ([e[name] for name in names] for e in elements))
    if not any(map(_is_row, elements)):
        return ((e,) for e in elements)
    if not all(_is_row(e) and 0 < len(e) == len(elements[0]) for e in elements):
        raise Inexpressible("its rows are not of one length.")
    return elements


def _is_row(element: Any) -> bool:
    return isinstance(element, (list, tuple)) or (isinstance(element, np.ndarray) and element.ndim == 1)


def _cells(rows: _Rows) -> _Rows:
    """The same rows with what csv writes as text; the check of a row costs a tenth of writing it."""
    for row in rows:
        yield row if _CELLS.issuperset(map(type, row)) else [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    """A number, a text, or None for an empty field."""
    if type(value) in _CELLS or _is_number(value):
        return value
    if isinstance(value, Decimal) and not value.is_finite():
        return float(value)
    if isinstance(value, Number) and not isinstance(value, np.generic):
        return value
    plain = tables.simple(value)
    if type(plain) in _CELLS or _is_number(plain):
        return plain
    raise values.refuse(value, "A CSV field holds one number, text or date.")


def _is_number(value: Any) -> bool:
    return isinstance(value, np.number) and not isinstance(value, np.timedelta64)  # which is an np.integer
