"""CSV to arrays.

Bodies of plain numbers, which is what most models are sent, are turned into nested JSON arrays by
replacing the line ends, and read by orjson at once; this is several times faster than any CSV reader.
Everything else goes field by field through the csv module. Both ways give the same values.
"""

from __future__ import annotations

import array
import csv
import io
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from longshore_runtime import contract

# A field may be as long as a body may be; csv's own limit of 128 KB would refuse honest documents.
csv.field_size_limit(contract.PAYLOAD_MAX_MB * 2**20)

Table = tuple[npt.NDArray[Any], tuple[str, ...] | None]  # the rows, and the names in the header

_NUMBER_CHARACTERS = b"0123456789+-.eE \t"
_CHUNK = 2**20  # bytes read by orjson at a time, so that a large body is not held as Python numbers
# What float() would take for 1_000, and what could be a number at all.
_UNDERSCORED = re.compile(rb"[0-9\x80-\xff]_[0-9\x80-\xff]")
_LIKE_A_NUMBER = re.compile(r"\s*[-+]?[\d.ni]", re.IGNORECASE)


def read(body: bytes, header: str) -> Table:
    """Read CSV in UTF-8, without a byte order mark, as an array (rows, columns).

    float64 where every field is a number or, beside numbers, empty (NaN); else dtype object, each
    field a str. A number is what float() reads, without underscores. Empty lines are left out.
    header: 'present' or 'absent' says whether the first row names the columns; where it is '', the
    first row does if it has names and no number while a later row has a number.
    Raises ValueError naming the line where a row cannot be read or is ragged; UnicodeDecodeError.
    """
    if header not in ("", "present", "absent"):
        raise ValueError("the parameter header of the Content-Type must be present or absent")
    plain = body.replace(b"\r\n", b"\n") if b"\r" in body else body
    return _plain_csv(plain, header) or _any_csv(body, header)


def _plain_csv(body: bytes, header: str) -> Table | None:
    """Rows of plain numbers, below a header or without one; None for everything else."""
    if header != "present" and (numbers := _plain_numbers(body)) is not None:
        return numbers, None
    first_line, _, rest = body.partition(b"\n")
    if header == "absent" or b"\0" in first_line or (numbers := _plain_numbers(rest)) is None:
        return None
    try:
        names = next(csv.reader([first_line.decode()], strict=True))
    except (csv.Error, UnicodeDecodeError):
        return None
    if len(names) != numbers.shape[1] or not (header == "present" or _could_be_header(names)):
        return None
    return numbers, tuple(names)


def _plain_numbers(body: bytes) -> npt.NDArray[np.float64] | None:
    if body[-2:-1] == b"\n" or body[-1:] != b"\n":  # otherwise it need not be copied
        body = body.rstrip(b"\n") + b"\n"
    # Without the characters of numbers, even rows leave the same commas on every line, and nothing else.
    marks = body.translate(None, _NUMBER_CHARACTERS)
    rows, columns = marks.count(b"\n"), marks.find(b"\n") + 1
    if marks != (b"," * (columns - 1) + b"\n") * rows:
        return None
    del marks
    numbers = np.empty(rows * columns)
    start = filled = 0
    try:
        while start < len(body):
            end = body.find(b"\n", start + _CHUNK) if len(body) - start > _CHUNK else len(body) - 1
            values = orjson.loads(b"[" + body[start:end].replace(b"\n", b",") + b"]")
            numbers[filled : filled + len(values)] = values
            filled += len(values)
            start = end + 1
    except orjson.JSONDecodeError:  # a field is empty, or a number that JSON has not: +1, 01, .5
        return None
    return numbers.reshape(rows, columns) if filled else None


def _any_csv(body: bytes, header: str) -> Table:
    """CSV of any kind, in two passes where it is text, so that numbers are never held as strings."""
    body.decode()  # raises here, where the place of what is not UTF-8 is known
    if (nul := body.find(0)) >= 0:
        line = body.count(b"\n", 0, nul) + 1
        raise ValueError(f"line {line} has a NUL byte")
    rows = _rows(body)
    first = next(rows, None)
    if first is None:
        raise ValueError("it holds no row")
    in_doubt = not header and _could_be_header(first)
    headed = header == "present" or in_doubt
    number = _number if _UNDERSCORED.search(body) else float
    numbers = _numbers(rows if headed else itertools.chain([first], rows), len(first), number)
    if numbers is not None and (len(numbers) or not in_doubt):
        return numbers, tuple(first) if headed else None

    fields = list(itertools.chain.from_iterable(_rows(body)))
    if in_doubt:
        headed = _holds_number(itertools.islice(fields, len(first), None))
    if headed:
        del fields[: len(first)]
    texts = np.empty(len(fields), dtype=object)
    texts[:] = fields
    return texts.reshape(-1, len(first)), tuple(first) if headed else None


def _rows(body: bytes) -> Iterator[list[str]]:
    """The rows of valid UTF-8, blank lines left out; ValueError where one cannot be read or is ragged."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=""), strict=True)
    width = 0
    line = 1
    try:
        for row in reader:
            if len(row) != width and row:
                if width:
                    fields = "1 field" if len(row) == 1 else f"{len(row)} fields"
                    raise ValueError(f"line {line} has {fields}, {width} expected")
                width = len(row)
            if row:
                yield row
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"the row that starts on line {line}: {error}") from None


def _numbers(
    rows: Iterable[list[str]], width: int, number: Callable[[str], float]
) -> npt.NDArray[np.float64] | None:
    """Rows as float64, empty fields as NaN; None where a field is text, or no field a number."""
    values = array.array("d")
    found = False
    for row in rows:
        incomplete = "" in row
        try:
            values.extend(map(number, [field or "nan" for field in row] if incomplete else row))
            found = found or not incomplete or any(row)
        except ValueError:
            del values[len(values) // width * width :]  # what was taken before the field it failed at
            try:
                values.extend(number(field) if field.strip() else math.nan for field in row)
            except ValueError:
                return None
            found = found or any(map(str.strip, row))
    return np.array(values).reshape(-1, width) if found or not values else None


def _number(field: str) -> float:
    """A number as Python reads it, but for its 1_000."""
    if "_" in field:
        raise ValueError(field)
    return float(field)


def _holds_number(fields: Iterable[str]) -> bool:
    for field in filter(_LIKE_A_NUMBER.match, fields):
        try:
            _number(field)
        except ValueError:
            continue
        return True
    return False


def _could_be_header(row: list[str]) -> bool:
    """Whether a first row has names and no number; one of empty fields only is a row of missing values."""
    return any(map(str.strip, row)) and not _holds_number(row)
