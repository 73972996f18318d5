"""CSV bodies to arrays."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model.decoding import decode
from tests.support.decoding import outcome, refusal, same

FLOATS = st.floats(width=64)


NAN = math.nan


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"1,2\n3,4\n", [[1, 2], [3, 4]]),
        (b"1,2\n3,4", [[1, 2], [3, 4]]),
        (b"1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
        (b"1,2\r3,4\r", [[1, 2], [3, 4]]),
        (b"1,2\r,3", [[1, 2], [NAN, 3]]),
        (b"\n\n1,2\n\n3,4\n\n", [[1, 2], [3, 4]]),
        (b"1\n\n2\n", [[1], [2]]),
        (b" 1 ,\t2\n", [[1, 2]]),
        (b"+1,01,.5,5.,1e3,1E-3,-0.0", [[1, 1, 0.5, 5, 1000, 0.001, 0]]),
        (b"nan,NaN,inf,-Infinity,1e308", [[NAN, NAN, math.inf, -math.inf, 1e308]]),
        (b"1,,3\n,5,\n", [[1, NAN, 3], [NAN, 5, NAN]]),
        (b"1, ,3\n", [[1, NAN, 3]]),
        (b",,\n1,2,3\n", [[NAN, NAN, NAN], [1, 2, 3]]),  # a row of missing values is no header
        (b'"1","2"\n"3",4', [[1, 2], [3, 4]]),
        (b"9007199254740992,18446744073709551616", [[2.0**53, 2.0**64]]),
        (b"9007199254740993.0,12345678901234567890e0", [[2.0**53, 12345678901234567168]]),
        (b"\xef\xbb\xbf1,2", [[1, 2]]),
        ("\N{FULLWIDTH DIGIT ONE},2".encode(), [[1, 2]]),  # float() reads the digits of every script
    ],
)
def test_csv_of_numbers_is_an_array_of_float64(body: bytes, rows: list[list[float]]) -> None:
    data, columns, records = decode(body, "text/csv")
    assert data.dtype == np.float64
    assert same(data, np.array(rows))
    assert (columns, records) == (None, len(rows))


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"a,b\nc,d\n", [["a", "b"], ["c", "d"]]),
        (b"5,a\n6,b\n", [["5", "a"], ["6", "b"]]),
        (b"007,x", [["007", "x"]]),
        (b"1_000,2", [["1_000", "2"]]),
        (b"0x10,2", [["0x10", "2"]]),
        (b",\n,\n", [["", ""], ["", ""]]),
        (b" , \n", [[" ", " "]]),
        (b'1,"a,b"\n2,"c\r\nd ""q"""\r\n', [["1", "a,b"], ["2", 'c\r\nd "q"']]),
        (b"1, x \n", [["1", " x "]]),
        (b'1,a"b\n', [["1", 'a"b']]),
        (b'x\n""\ny\n', [["x"], [""], ["y"]]),
        (b'\xef\xbb\xbf"\xc3\xa9"', [["é"]]),
        (b"a," + b"x" * 300_000, [["a", "x" * 300_000]]),  # longer than csv's own limit
    ],
)
def test_csv_with_text_is_an_array_of_str_as_sent(body: bytes, rows: list[list[str]]) -> None:
    data, columns, records = decode(body, "text/csv")
    assert data.dtype == object
    assert data.tolist() == rows
    assert (columns, records) == (None, len(rows))


@pytest.mark.parametrize(
    ("body", "params", "columns", "rows"),
    [
        (b"a,b\n1,2\n", "", ("a", "b"), [[1, 2]]),
        (b"a_1,b_2\n1,2\n", "", ("a_1", "b_2"), [[1, 2]]),
        (b"a_1_2,b\n1,\n", "", ("a_1_2", "b"), [[1, NAN]]),
        (b",a\r\n0,1\r\n", "", None, [["", "a"], ["0", "1"]]),  # the first may be a missing value
        (b'"a ""1""","b,c"\n1,2\n', "", ('a "1"', "b,c"), [[1, 2]]),
        (b'"a\nb",c\n1,2\n', "", ("a\nb", "c"), [[1, 2]]),
        (b"a,b\n+1,2\n", "", ("a", "b"), [[1, 2]]),
        (b"a,b\r0,1\r", "", ("a", "b"), [[0, 1]]),
        (b"a,b\rx,1\r", ";header=true", ("a", "b"), [["x", "1"]]),
        (b"a,1\n2,3\n", "", None, [["a", "1"], ["2", "3"]]),
        (b"nan,b\n1,2\n", "", None, [["nan", "b"], ["1", "2"]]),
        (b"1,2\n3,4\n", ";header=present", ("1", "2"), [[3, 4]]),
        (b"a,b\nc,d\n", "; header=PRESENT", ("a", "b"), [["c", "d"]]),
        (b"a,b\n1,2\n", ';header="absent"', None, [["a", "b"], ["1", "2"]]),
        (b"1,2\n", ";header=absent", None, [[1, 2]]),
        (b"a,b\n1,2\n", ";header=False", None, [["a", "b"], ["1", "2"]]),
        ("é,ü\n1,2\n".encode(), "", ("é", "ü"), [[1, 2]]),
    ],
)
def test_csv_has_a_header_where_it_is_said_or_seen(
    body: bytes, params: str, columns: tuple[str, ...] | None, rows: list[list[Any]]
) -> None:
    decoded = decode(body, f"text/csv{params}")
    assert decoded.columns == columns
    assert same(decoded.data, np.array(rows, dtype=object if isinstance(rows[0][0], str) else float))
    assert decoded.records == len(rows)


def test_csv_of_a_header_alone_has_no_rows() -> None:
    data, columns, records = decode(b"a,b\n", "text/csv;header=present")
    assert (data.shape, columns, records) == ((0, 2), ("a", "b"), 0)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"1,2\n3\n", "line 2 has 1 field, 2 expected"),
        (b"1,2\n\n3,4,5\n", "line 3 has 3 fields, 2 expected"),
        (b'"a\nb",c\n"d\n\ne",f\ng\n', "line 6 has 1 field, 2 expected"),
        (b"a,b\n1,2\n3,4,5\n", "line 3 has 3 fields, 2 expected"),
        (b"a,b\n1\n2\n", "line 2 has 1 field, 2 expected"),
        (b"a,b\nc,d\ne\n", "line 3 has 1 field, 2 expected"),
        (b"1,2\n" * 400_000 + b"3\n", "line 400001 has 1 field, 2 expected"),
        (b'1,2\n3,"4\n5,6\n', "starts on line 2"),
        (b'"1"2,3\n', "line 1"),
        (b'"', "line 1"),
        (b'"a"b,c\n1,2\n', "line 1"),
        (b"a\0,b\n1,2\n", "line 1 has a NUL"),
        (b"x,y\n" * 50_000 + b"a,\xff\n", "line 50001, byte 3"),
        (b"a\nb\0\n", "line 2 has a NUL"),
        (b"a\nb,\xff\n", "line 2, byte 3"),
        (b"1,2\n3,\xff\n", "line 2, byte 3"),
        (b"\n\r\n\r", "no row"),
    ],
)
@pytest.mark.parametrize("params", ["", ";header=present", ";header=absent"])
def test_csv_that_cannot_be_read_is_a_400_that_names_the_line(body: bytes, reason: str, params: str) -> None:
    error = refusal(body, f"text/csv{params}")
    assert (error.status, reason in error.detail) == (400, True), error.detail


def test_a_header_parameter_with_another_value_is_a_400() -> None:
    assert "present, absent, true or false" in refusal(b"1", "text/csv;header=yes").detail


@pytest.mark.parametrize(
    "body",
    [
        b"red,\nblue,3\ngreen,4\n",
        b"red,NA\nblue,3\ngreen,4\n",
        b"red,NULL\nblue,3\ngreen,4\n",
        b"call me\nat once\n5\n",
        b"text\nhello world\nbye\n",
        b"great,love it\nawful,5\n",
        b"unknown\n5\n6\n",
        b"-,-\n1,2\n3,4\n",
        b"$5,$6\n7,8\n9,10\n",
        b"a,unknown\n1,2\n3,4\n",
        b"a,N/A\n1,2\n3,4\n",
        b"true,false\n1,0\n0,1\n",
        b"nan,Infinity\n1,2\n3,4\n",
        b"x,x\n1,2\n3,4\n",
        b"a,b\n,\n,\n",
        b"a,b\n1,x\n",
        b"a,b\n",
        b"?,b\n1,2\n",
        b"1st,2nd\n1,2\n",
    ],
)
def test_no_record_is_taken_for_a_header(body: bytes) -> None:
    _, columns, records = decode(body, "text/csv")
    assert (columns, records) == (None, len(body.splitlines()))


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"9007199254740993,0.5\n1,2\n", [[9007199254740993, 0.5], [1.0, 2.0]]),
        (b"18446744073709551615,-18446744073709551617", [[2**64 - 1, -(2**64) - 1]]),
        (b"+9007199254740993, 9007199254740995 \n", [[2**53 + 1, 2**53 + 3]]),
        (b'"9007199254740993",\n,9007199254740992', [[2**53 + 1, NAN], [NAN, 2.0**53]]),
        (b"1" * 400, [[int("1" * 400)]]),
    ],
)
def test_an_integer_that_float64_does_not_have_is_exact(body: bytes, rows: list[list[Any]]) -> None:
    data, columns, records = decode(body, "text/csv")
    assert data.dtype == object
    assert str(data.tolist()) == str(rows)
    assert (columns, records) == (None, len(rows))
    below = decode(b",".join(b"ab"[i : i + 1] for i in range(len(rows[0]))) + b"\n" + body, "text/csv")
    assert str(below.data.tolist()) == str(rows) or len(rows[0]) == 1


def test_an_integer_with_more_digits_than_python_reads_is_a_400() -> None:
    assert "5000 digits" in refusal(b"1" * 5000 + b",2\n", "text/csv").detail


def test_a_large_csv_reads_the_same_in_one_piece_and_in_several() -> None:
    rows = np.random.default_rng(1).uniform(10, 99, size=(40_000, 5))  # 4 MB
    body = "\n".join(",".join(map(repr, row)) for row in rows.tolist()).encode()
    assert same(decode(body, "text/csv").data, rows)
    assert same(decode(b"a,b,c,d,e\n" + body, "text/csv").data, rows)
    data = decode(body + b"\n+1,02,.5,4.,\n", "text/csv").data  # the last row is no JSON
    assert same(data, np.vstack([rows, [1, 2, 0.5, 4, NAN]]))


# --- CSV: properties --------------------------------------------------------------------------------

NUMBERS = st.one_of(
    FLOATS.map(repr),
    st.integers().map(str),
    st.sampled_from(["", " ", "+1", "01", ".5", "5.", "1e400", "-0", "1E+5", " 1", "1\t", "-", "e", "1e"]),
    st.text("0123456789+-.eE \t", max_size=8),
)


def tables(cells: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    return st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6)
    )


@settings(max_examples=500)
@given(tables(NUMBERS), st.sampled_from(["\n", "\r\n"]))
def test_the_fast_and_the_slow_way_read_the_same_numbers(rows: list[list[str]], end: str) -> None:
    plain = end.join(",".join(row) for row in rows)
    quoted = end.join(",".join(f'"{field}"' for field in row) for row in rows)  # never plain numbers
    if any(len(row) == 1 and row[0] == "" for row in rows):  # unquoted, an empty line
        return
    fast, slow = outcome(plain.encode(), "text/csv"), outcome(quoted.encode(), "text/csv")
    if isinstance(fast, RequestError) or isinstance(slow, RequestError):
        assert isinstance(fast, RequestError) and isinstance(slow, RequestError)
        assert "is too large for a 64-bit float" in fast.detail and fast.detail == slow.detail
        return
    assert fast.data.dtype == slow.data.dtype
    assert same(fast.data, slow.data)
    assert fast[1:] == slow[1:]


@pytest.mark.parametrize("body", [b"1e400\n", b"1,2\n3,-1E+999\n", b'"1e400",+1\n', b"1,\n 9e999 ,3\n"])
def test_a_number_that_would_become_infinite_is_refused(body: bytes) -> None:
    found = outcome(body, "text/csv")
    assert isinstance(found, RequestError) and found.status == 400
    assert "is too large for a 64-bit float" in found.detail


def read_naively(text: str) -> list[list[str]]:
    """CSV without quotes, by its definition."""
    lines = [line for line in re.split(r"\r\n?|\n", text) if line]
    return [line.split(",") for line in lines]


def as_numbers(rows: list[list[str]]) -> np.ndarray[Any, Any]:
    return np.array([[float(field) if field.strip() else NAN for field in row] for row in rows])


@settings(max_examples=500)
@given(st.text("0123.5-+eE, \t\n\r", max_size=30) | st.text("012,\n", max_size=30))
def test_csv_without_quotes_reads_as_its_definition_says(text: str) -> None:
    rows = read_naively(text)
    found = outcome(text.encode(), "text/csv;header=absent")
    if isinstance(found, RequestError):
        assert found.status == 400
        too_large = "is too large for a 64-bit float" in found.detail
        assert not rows or len({len(row) for row in rows}) > 1 or too_large
    elif found.data.dtype == object:
        assert found.data.tolist() == rows
    else:
        assert same(found.data, as_numbers(rows))


@given(tables(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)))
def test_quoted_fields_come_back_as_they_were(rows: list[list[str]]) -> None:
    body = "\n".join(",".join('"' + field.replace('"', '""') + '"' for field in row) for row in rows)
    decoded = decode(body.encode(), "text/csv;header=absent")
    if decoded.data.dtype == object:
        assert decoded.data.tolist() == rows
    else:
        assert same(decoded.data, as_numbers(rows))
