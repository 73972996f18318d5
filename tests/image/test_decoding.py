"""Request bodies: what each format becomes, and that nothing a caller sends is more than a 4xx."""

from __future__ import annotations

import importlib
import io
import json
import math
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from app.errors import RequestError
from app.runners.model import media
from app.runners.model.decoding import Decoded, decode

pa: Any = importlib.import_module("pyarrow")
parquet: Any = importlib.import_module("pyarrow.parquet")

FLOATS = st.floats(width=64)


def refusal(body: bytes, content_type: str) -> RequestError:
    """The error a body is refused with."""
    with pytest.raises(RequestError) as caught:
        decode(body, content_type)
    return caught.value


def outcome(body: bytes, content_type: str) -> Decoded | RequestError:
    try:
        return decode(body, content_type)
    except RequestError as error:
        return error


def same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(one, other, equal_nan=np.asarray(other).dtype.kind == "f"))


# --- types and charsets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["image/png", "text/plain", "csv", "application/octet-stream", "*/*"]
)
def test_an_unknown_type_is_a_415_that_lists_the_types_read(content_type: str) -> None:
    error = refusal(b"1", content_type)
    assert error.status == 415
    assert content_type in error.detail
    assert all(kind in error.detail for kind in media.SUPPORTED)


def test_an_absent_type_is_a_415_that_says_so() -> None:
    error = refusal(b"1", "")
    assert (error.status, "no Content-Type" in error.detail) == (415, True)


def test_a_very_long_type_is_not_echoed_whole() -> None:
    assert len(refusal(b"1", "x/" + "y" * 5000).detail) < 1000


@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv"])
@pytest.mark.parametrize(
    "charset", ["nonsense", "zip", "hex", "rot13", "punycode", "idna", "undefined", "a\0b", ""]
)
def test_an_unknown_charset_is_a_415_that_names_it(kind: str, charset: str) -> None:
    error = refusal(b"1", f'{kind}; charset="{charset}"')
    assert (error.status, repr(charset) in error.detail) == (415, True)


@pytest.mark.parametrize(
    "charset", ["latin-1", "ISO-8859-1", "windows-1252", "utf-16", "UTF-16LE", "utf_8", "cp037"]
)
@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv"])
def test_the_charset_of_a_text_is_honoured(kind: str, charset: str) -> None:
    decoded = decode('["é"]'.encode(charset.replace("windows-", "cp")), f"{kind}; charset={charset}")
    expected: object = {"application/json": ["é"], "application/jsonlines": [["é"]]}.get(kind)
    assert decoded.data == (expected or [['["é"]']])


def test_plain_numbers_in_another_charset_are_not_taken_for_ascii() -> None:
    assert decode("1,2".encode("cp037"), "text/csv; charset=cp037").data.tolist() == [[1, 2]]
    assert decode("1,2\n3,4\n".encode("utf-16"), "text/csv; charset=utf-16").data.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv"])
def test_text_that_is_not_in_its_charset_is_a_400_that_says_where(kind: str) -> None:
    assert "line 1, byte 3" in refusal(b'["\xff"]', kind).detail
    assert "offset 2" in refusal(b'["\x81"]', f"{kind}; charset=cp1252").detail
    assert refusal(b"+2AA-", f"{kind}; charset=utf-7").status == 400  # half a surrogate pair


@pytest.mark.parametrize("kind", ["application/json", "application/jsonlines", "text/csv"])
@pytest.mark.parametrize(
    ("charset", "codec"), [("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le")]
)
def test_a_byte_order_mark_is_left_out(kind: str, charset: str, codec: str) -> None:
    text = "\ufeff1" if codec == "utf-16-le" else "1"
    assert np.ravel(decode(text.encode(codec), f"{kind}; charset={charset}").data).tolist() == [1]


# --- JSON -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"]
)
@pytest.mark.parametrize(
    ("value", "records"),
    [
        ([[1, 2], [3, 4]], 2),
        ([], 0),
        ({"instances": [1, 2, 3]}, 3),
        ({"instances": "abc"}, 1),
        ({"a": [1, 2]}, 1),
        ("text", 1),
        (None, 1),
    ],
)
def test_json_is_the_object_and_its_records_are_counted(
    content_type: str, value: object, records: int
) -> None:
    assert decode(json.dumps(value).encode(), content_type) == Decoded(value, None, records)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"a":\n  nope}', "line 2, column 3"),
        (b"[1, 2", "line 1, column 6"),
        (b"[NaN]", "line 1, column 2"),
        (b"  ", "line 1, column 1"),
        (b"[1]\n[2]", "line 2, column 1"),
        (b"[" * 100_000, "line 1, column"),
    ],
)
def test_json_that_cannot_be_read_is_a_400_with_line_and_column(body: bytes, place: str) -> None:
    error = refusal(body, "application/json")
    assert (error.status, place in error.detail) == (400, True), error.detail


# --- JSON Lines -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["application/jsonlines", "application/x-ndjson", "application/jsonl"]
)
def test_json_lines_are_a_list_without_the_blank_lines(content_type: str) -> None:
    body = b'\n{"a": 1}\r\n\n  \n[2, 3]\n"x"'
    assert decode(body, content_type) == Decoded([{"a": 1}, [2, 3], "x"], None, 3)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'1\n\n{"a": nope}\n', "line 3, column 7"),
        (b'1\n{"a":\n1}', "line 2, column 6"),  # an object over two lines
        (b"1\n2 3\n", "line 2, column 3"),
        (b"1\r\n[2,\r\n", "line 2, column 4"),
        (b"1\n\n\xff", "line 3, byte 1"),
        (b" \n \n", "no record"),
    ],
)
def test_json_lines_that_cannot_be_read_are_a_400_with_line_and_column(body: bytes, place: str) -> None:
    error = refusal(body, "application/jsonlines")
    assert (error.status, place in error.detail) == (400, True), error.detail


# --- CSV: examples ----------------------------------------------------------------------------------

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
        (b"nan,NaN,inf,-Infinity,1e999", [[NAN, NAN, math.inf, -math.inf, math.inf]]),
        (b"1,,3\n,5,\n", [[1, NAN, 3], [NAN, 5, NAN]]),
        (b"1, ,3\n", [[1, NAN, 3]]),
        (b",,\n1,2,3\n", [[NAN, NAN, NAN], [1, 2, 3]]),  # a row of missing values is no header
        (b'"1","2"\n"3",4', [[1, 2], [3, 4]]),
        (b"18446744073709551615,9007199254740993", [[2.0**64, 2.0**53]]),
        (b"123456789012345678901234567890", [[1.2345678901234568e29]]),
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
        (b",a\r\n0,1\r\n", "", ("", "a"), [[0, 1]]),
        (b'"a ""1""","b,c"\n1,2\n', "", ('a "1"', "b,c"), [[1, 2]]),
        (b'"a\nb",c\n1,2\n', "", ("a\nb", "c"), [[1, 2]]),
        (b"a,b\n+1,2\n", "", ("a", "b"), [[1, 2]]),
        (b"a,b\rx,1\r", "", ("a", "b"), [["x", "1"]]),
        (b"a,b\nx,y\nz,1\n", "", ("a", "b"), [["x", "y"], ["z", "1"]]),
        (b"a,1\n2,3\n", "", None, [["a", "1"], ["2", "3"]]),
        (b"nan,b\n1,2\n", "", None, [["nan", "b"], ["1", "2"]]),
        (b"1,2\n3,4\n", ";header=present", ("1", "2"), [[3, 4]]),
        (b"a,b\nc,d\n", "; header=PRESENT", ("a", "b"), [["c", "d"]]),
        (b"a,b\n1,2\n", ';header="absent"', None, [["a", "b"], ["1", "2"]]),
        (b"1,2\n", ";header=absent", None, [[1, 2]]),
        ("é\n1\n".encode(), "", ("é",), [[1]]),
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
    assert "present or absent" in refusal(b"1", "text/csv;header=yes").detail


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
    fast, slow = decode(plain.encode(), "text/csv"), decode(quoted.encode(), "text/csv")
    assert fast.data.dtype == slow.data.dtype
    assert same(fast.data, slow.data)
    assert fast[1:] == slow[1:]


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
        assert not rows or len({len(row) for row in rows}) > 1
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


# --- NPY --------------------------------------------------------------------------------------------


def saved(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_header(header: str, data: bytes = b"", version: int = 1) -> bytes:
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


def header(shape: str, descr: str = "'<f8'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")  # said by numpy, of the last one
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype="i4").reshape(2, 3)),
        np.arange(3, dtype=">f4"),
        np.array(1.5),
        np.zeros((0, 3)),
        np.array([True, False]),
        np.array(["é", "b"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.zeros(2, dtype=[("a", "<f4"), ("b", "<U3")]),
        np.zeros(2, dtype=[("\N{LATIN SMALL LETTER E WITH ACUTE}", "<f4")]),  # the first version
        np.zeros(2, dtype=[("\N{GREEK SMALL LETTER OMEGA}", "<f4")]),  # the third
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_npy_comes_back_as_it_was_native_and_writable(array: np.ndarray[Any, Any]) -> None:
    data, columns, records = decode(saved(array), "application/x-npy")
    assert data.dtype == array.dtype.newbyteorder("=")
    assert data.shape == array.shape
    assert data.tolist() == array.tolist()
    assert data.flags.writeable
    assert (columns, records) == (None, len(array) if array.ndim else 1)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_npy_is_read(version: int) -> None:
    body = with_header(header("(2,)"), np.arange(2.0).tobytes(), version)
    assert decode(body, "application/x-npy").data.tolist() == [0, 1]


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_an_npy_of_objects_is_a_400_and_nothing_in_it_runs(tmp_path: Path) -> None:
    made = tmp_path / "made"
    objects = np.array([Evil(made)], dtype=object)
    for body in (saved(objects), pickle.dumps(objects)):
        assert refusal(body, "application/x-npy").status == 400
    assert not made.exists()
    pickle.loads(pickle.dumps(objects))  # so that the pickle above is known to work
    assert made.exists()


def test_an_npz_is_no_npy() -> None:
    file = io.BytesIO()
    np.savez(file, a=np.arange(3))
    assert refusal(file.getvalue(), "application/x-npy").status == 400


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (saved(np.arange(3.0)) + b"x", "24 bytes of data, but 25 follow"),
        (saved(np.arange(3.0))[:-1], "24 bytes of data, but 23 follow"),
        (saved(np.arange(3.0))[:50], "whole NPY header"),
        (b"", "whole NPY header"),
        (b"\x93NUMPY", "whole NPY header"),
        (with_header(header("(1000000000000000,)")), "promises"),
        (with_header(header("(1000000000000000, 0)")), "records without data"),
        (with_header(header("(1000000000000000,)", "'|V0'")), "records without data"),
        (with_header(header("(1000000000000000,)", "[]")), "records without data"),
        (with_header(header("(" + "999999999999," * 700 + ")")), "700 dimensions"),
        (with_header(header("(" + "9" * 5000 + ",)")), "malformed"),
        (with_header(header("(-1,)"), b""), "malformed"),
        (with_header("-" * 9000 + "1"), "malformed"),
        (with_header("1" + "+1" * 4500), "malformed"),
        (with_header("not " * 2400 + "1"), "malformed"),
        (with_header("lambda: " * 1200 + "1"), "malformed"),
        (with_header("9" * 9000 + "!"), "malformed"),
        (with_header("(" * 9000), ""),
        (with_header("[" * 150 + "]" * 150), ""),
        (with_header("{" * 9000), ""),
        (with_header("__import__('os').abort()"), "malformed"),
        (with_header(header("(1,)", "'f8,(2'"), b"12345678"), ""),
        (with_header(header("(1,)", "'nonsense'"), b"12345678"), ""),
        (with_header(header("(True,)"), b"12345678"), "shape"),
        (with_header(header("(1,)", "'|O'"), b"12345678"), "Python objects"),
        (with_header(header("(1,)", "[('a', '|O')]"), b"12345678"), "Python objects"),
        (with_header(header("(1,)", "'<U1'"), b"\xff\xff\xff\xff"), ""),
        (with_header(header("1"), b"12345678"), "shape"),
        (with_header("{}"), "shape"),
        (with_header("(1,)"), ""),
        (with_header(" " * 20_000, version=2), "longer than"),
    ],
    ids=range(31),
)
def test_a_hostile_npy_is_a_400_and_allocates_nothing(body: bytes, reason: str) -> None:
    error = refusal(body, "application/x-npy")
    assert (error.status, reason in error.detail) == (400, True), error.detail
    assert len(error.detail) < 500


# --- Parquet and Arrow ------------------------------------------------------------------------------

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
ARROW_FORMS = {media.PARQUET: "parquet", media.ARROW_STREAM: "new_stream", media.ARROW_FILE: "new_file"}


def written(table: Any, kind: str, times: int = 1, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    if kind == media.PARQUET:
        writer = parquet.ParquetWriter(sink, table.schema)
    else:
        writer = getattr(pa.ipc, ARROW_FORMS[kind])(sink, table.schema, **options)
    with writer:
        for _ in range(times):
            writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("kind", [*ARROW_FORMS, "application/vnd.apache.parquet"])
def test_parquet_and_arrow_are_tables(kind: str) -> None:
    data, columns, records = decode(written(TABLE, media.canonical(kind), times=2), kind)
    assert data.equals(pa.concat_tables([TABLE, TABLE]))
    assert (columns, records) == (("a", "b"), 6)


@pytest.mark.parametrize("kind", ARROW_FORMS)
def test_a_table_without_rows_keeps_its_columns(kind: str) -> None:
    data, columns, records = decode(written(TABLE.slice(0, 0), kind, times=0), kind)
    assert (data.num_rows, columns, records) == (0, ("a", "b"), 0)


@pytest.mark.parametrize("kind", ARROW_FORMS)
def test_a_table_that_is_cut_short_is_a_400(kind: str) -> None:
    body = written(TABLE, kind)
    for length in (0, 4, len(body) // 2, len(body) * 3 // 4):
        assert refusal(body[:length], kind).status == 400


def test_offsets_that_point_outside_an_arrow_table_are_a_400() -> None:
    body = written(pa.table({"a": ["abc", "def"]}), media.ARROW_STREAM)
    offsets = b"".join(n.to_bytes(4, "little") for n in (0, 3, 6))
    assert offsets in body
    assert refusal(body.replace(offsets, offsets[:8] + b"\xff\xff\xff\x7f"), media.ARROW_STREAM).status == 400


def test_rows_without_data_are_a_400() -> None:
    rows = pa.table({"a": pa.array([{}] * 1000, pa.struct([]))})
    assert "1000 rows" in refusal(written(rows, media.ARROW_STREAM), media.ARROW_STREAM).detail


def test_a_small_body_that_unpacks_to_very_much_is_a_413() -> None:
    zeros = pa.table({"a": np.zeros(2**20)})  # 8 MB
    body = written(zeros, media.ARROW_STREAM, 100, options=pa.ipc.IpcWriteOptions(compression="zstd"))
    assert len(body) < 100_000
    assert refusal(body, media.ARROW_STREAM).status == 413


def test_where_pyarrow_is_missing_its_types_are_a_415_that_says_what_to_install() -> None:
    script = """
import sys
sys.modules["pyarrow"] = None  # what Python itself does to forbid an import
from app.errors import RequestError
from app.runners.model import decoding, encoding
for kind in ("application/x-parquet", "application/vnd.apache.arrow.stream", "image/png"):
    try:
        decoding.decode(b"x", kind)
    except RequestError as error:
        print(error.status, error.detail)
print(decoding.decode(b"1,2", "text/csv").data.tolist())
print(encoding.encode([1], "application/x-parquet, */*;q=0.1", "", None))
"""
    environment = os.environ | {"PYTHONPATH": str(Path(app.__path__[0]).parent)}
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    missing, arrow, other, csv, answer = run.stdout.splitlines()
    for line in (missing, arrow):
        assert line.startswith("415 ")
        assert "add pyarrow to container/requirements.txt" in line
    assert other.startswith("415 ")
    assert "text/csv" in other
    assert "parquet" not in other
    assert (csv, answer) == ("[[1.0, 2.0]]", "(b'[1]', 'application/json')")


# --- whatever is sent -------------------------------------------------------------------------------

KINDS = [
    *media.SUPPORTED,
    "text/csv;header=present",
    "text/csv;charset=utf-16",
    "application/json;charset=utf-7",
]
SEEDS = {
    media.JSON: b'{"instances": [[1, 2.5, "x", null], []]}',
    media.JSON_LINES: b'{"a": 1}\n[2, "x"]\n\n3\n',
    media.CSV: b'a,b\r\n1,"x ""y"""\n2.5,\n',
    media.NPY: saved(np.arange(6, dtype="<i2").reshape(2, 3)),
    **{kind: written(TABLE, kind) for kind in ARROW_FORMS},
}


def check_read_or_refused(body: bytes, content_type: str) -> None:
    found = outcome(body, content_type)
    if isinstance(found, RequestError):
        assert 400 <= found.status < 500
        assert 0 < len(found.detail) < 1000
    else:
        assert found.records >= 0


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    check_read_or_refused(body, content_type)


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 5), st.binary(max_size=5)), min_size=1, max_size=3
    ),
)
def test_any_damage_to_a_good_body_is_read_or_refused(kind: str, cuts: list[tuple[int, int, bytes]]) -> None:
    body = SEEDS[kind]
    for place, length, replacement in cuts:
        at = place % (len(body) + 1)
        body = body[:at] + replacement + body[at + length :]
    check_read_or_refused(body, kind)


@given(
    st.text("{}()[],:'\"0123456789<>|=fiUOSV TrueFalsdcpthn_or\\\n-+*.", max_size=120), st.binary(max_size=16)
)
def test_any_npy_header_is_read_or_refused(text: str, data: bytes) -> None:
    check_read_or_refused(with_header(text, data), media.NPY)


@given(st.text(st.characters(max_codepoint=255), max_size=80))
def test_any_content_type_is_read_or_refused(content_type: str) -> None:
    for parameters in ("", "; charset=", "; header="):
        for kind in ("", "text/csv"):
            check_read_or_refused(b"1,2\n", kind + parameters + content_type)
