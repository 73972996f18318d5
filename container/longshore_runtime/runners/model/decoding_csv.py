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
_CHUNK = 2**18  # bytes read by orjson at a time, so that a large body is not held as Python numbers
# What float() would take for 1_000.
_UNDERSCORED = re.compile(rb"[0-9\x80-\xff]_[0-9\x80-\xff]")
# From here on float64 does not have every integer.
_ROUNDED_FROM = 2.0**53
_INTEGER = re.compile(r"\s*[-+]?\d+\s*")

# Whether the first row is a header.
PRESENT, ABSENT, GUESS = "present", "absent", "guess"
_HEADER_PARAMETER = {"present": PRESENT, "true": PRESENT, "absent": ABSENT, "false": ABSENT}
# Texts that begin with a letter and stand for a missing value, a number or a boolean: no column's name.
_NO_NAMES = frozenset((
    "na", "n/a", "nan", "nat", "null", "none", "nil", "missing", "unknown", "undefined", "empty", "void",
    "inf", "infinity", "true", "false", "yes", "no",
))  # fmt: skip


def header(parameter: str) -> str:
    """Return what a Content-Type's parameter `header` says; ValueError for a value that it cannot have."""
    try:
        return _HEADER_PARAMETER[parameter.lower()]
    except KeyError:
        raise ValueError(
            "the parameter header of the Content-Type must be present, absent, true or false"
        ) from None


def read(body: bytes, header: str) -> Table:
    """Read CSV in UTF-8, without a byte order mark, as an array (rows, columns).

    float64 where every field is a number or, beside numbers, empty (NaN). If an integer among the numbers is
    none that float64 has (some above 2**53), dtype object: float, and int for those integers. If a field is
    text, dtype object, each field a str. A number is what float() reads, without underscores. Empty lines are
    left out.

    Args:
        header: PRESENT, ABSENT, or GUESS: the first row is a header only if it can hardly be a record. That
            is if all other rows are numbers, and it has two or more names, all different, each of which
            begins with a letter and is no usual text for a missing value or a boolean.

    Raises:
        ValueError: names the line where a row cannot be read or is ragged.
        UnicodeDecodeError: the body is not UTF-8.
    """
    plain = body.replace(b"\r\n", b"\n") if b"\r" in body else body
    return _plain_csv(plain, header) or _any_csv(body, header)


def _plain_csv(body: bytes, header: str) -> Table | None:
    """Rows of plain numbers, below a header or without one; None for everything else."""
    if header != PRESENT and (numbers := _plain_numbers(body)) is not None:
        return numbers, None
    first_line, _, rest = body.partition(b"\n")
    if header == ABSENT or b"\0" in first_line or (numbers := _plain_numbers(rest)) is None:
        return None
    try:
        names = next(csv.reader([first_line.decode()], strict=True))
    except (csv.Error, UnicodeDecodeError):
        return None
    if len(names) != numbers.shape[1] or not (header == PRESENT or _must_be_header(names)):
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
    if not filled or _has_large(numbers):
        return None
    return numbers.reshape(rows, columns)


def _has_large(numbers: npt.NDArray[np.float64]) -> bool:
    """Whether a number is so large that float64 may not have it."""
    if len(numbers) < 64:
        few = numbers.tolist()
        return bool(max(few) >= _ROUNDED_FROM or min(few) <= -_ROUNDED_FROM)
    # As functions these are faster than as methods.
    return bool(np.maximum.reduce(numbers) >= _ROUNDED_FROM or np.minimum.reduce(numbers) <= -_ROUNDED_FROM)


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
    headed = header == PRESENT or (header == GUESS and _must_be_header(first))
    names = tuple(first) if headed else None
    width = len(first)
    if not headed:
        rows = itertools.chain([first], rows)
    del first  # a row may be as large as the body
    numbers = _numbers(rows, width, _number if _UNDERSCORED.search(body) else float)
    if numbers is not None and (len(numbers) or header == PRESENT):
        return _exact(numbers, _fields(body, headed)), names

    headed = header == PRESENT
    texts = np.fromiter(_fields(body, headed), dtype=object)
    return texts.reshape(-1, width), names if headed else None


def _fields(body: bytes, headed: bool) -> Iterator[str]:
    return itertools.chain.from_iterable(itertools.islice(_rows(body), int(headed), None))


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
    if not values:
        return np.empty((0, width))
    return np.frombuffer(values).reshape(-1, width) if found else None


def _number(field: str) -> float:
    """A number as Python reads it, but for its 1_000."""
    if "_" in field:
        raise ValueError(field)
    return float(field)


def _exact(numbers: npt.NDArray[np.float64], fields: Iterable[str]) -> npt.NDArray[Any]:
    """Return the numbers in these fields, integers that float64 cannot represent as int.

    Raises:
        ValueError: if a number would become infinite.
    """
    large = np.abs(numbers) >= _ROUNDED_FROM
    if not large.any():
        return numbers
    data: npt.NDArray[Any] = numbers
    for place, text in zip(np.flatnonzero(large), itertools.compress(fields, large.flat), strict=True):
        # Compared as Python's numbers, since numpy would round the integer first.
        if _INTEGER.fullmatch(text) and (integer := _integer(text)) != float(numbers.flat[place]):
            if data is numbers:
                data = numbers.astype(object)
            data.flat[place] = integer
        elif math.isinf(numbers.flat[place]) and any(map(str.isdigit, text)):
            raise ValueError(f"{text.strip()[:50]} is too large for a 64-bit float")
    return data


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"an integer has {len(text.strip())} digits, which is too many") from None


def _must_be_header(row: list[str]) -> bool:
    """Whether a first row, above rows of numbers only, is made of names as no record is."""
    if len(row) < 2 or len(set(row)) < len(row):
        return False
    return all(name[:1].isalpha() and name.strip().casefold() not in _NO_NAMES for name in row)
