"""Answers: which type a caller gets, and what each format makes of a prediction."""

from __future__ import annotations

import dataclasses
import datetime
import importlib
import io
import json
import math
from collections import namedtuple
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import RequestError
from app.runners.model import media
from app.runners.model.decoding import decode
from app.runners.model.encoding import encode

pa: Any = importlib.import_module("pyarrow")

CSV_ANSWER = "text/csv; charset=utf-8"
NESTED = {"a": {"b": [1]}}
NAN, INF = math.nan, math.inf


def as_type(prediction: object, kind: str) -> bytes:
    """The body of an answer asked for in one type only."""
    body, content_type = encode(prediction, kind, "", None)
    assert content_type.partition(";")[0] == kind
    return body


def refusal(prediction: object, accept: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        encode(prediction, accept, "", None)
    assert caught.value.status == 406
    return caught.value


# --- which type -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type", "default", "answered"),
    [
        ("", "", None, media.JSON),
        ("", "text/csv", None, CSV_ANSWER),
        ("*/*", "application/csv; header=present", None, CSV_ANSWER),
        ("*/*", "application/x-ndjson", None, media.JSON_LINES),
        ("*/*", "application/x+json", None, media.JSON),
        ("*/*", "image/png", None, media.JSON),
        ("", "application/json", "text/csv", CSV_ANSWER),
        ("*/*", "application/json", "Text/CSV; charset=utf-8", CSV_ANSWER),
        ("*/*", "text/csv", "image/png", media.JSON),
        ("application/json", "text/csv", "text/csv", media.JSON),
        ("Application/X-NDJSON", "text/csv", None, media.JSON_LINES),
        ("application/vnd.x+json", "text/csv", None, media.JSON),
        ("text/csv;q=0.5, application/json;q=0.4, */*;q=0.1", "application/x-npy", None, CSV_ANSWER),
        ("text/csv;q=0.1, */*;q=0.2", "application/x-npy", None, media.NPY),
        ("*/*, text/csv;q=0", "text/csv", None, media.JSON),
        ("*/*, text/csv;q=0", "text/csv", "text/csv", media.JSON),
        ("*/*, text/csv;q=0.5", "text/csv", None, media.JSON),
        ("text/*", "application/json", None, CSV_ANSWER),
        ("application/*", "application/x-npy", None, media.NPY),
        ("application/*", "text/csv", None, media.JSON),
        ("image/png, text/csv", "", None, CSV_ANSWER),
        ("application/vnd.apache.parquet", "", None, media.PARQUET),
        ("x/y," * 2000 + "text/csv", "text/csv", None, CSV_ANSWER),
    ],
)
def test_an_answer_has_the_type_asked_for_or_the_default_or_the_requests_own(
    accept: str, content_type: str, default: str | None, answered: str
) -> None:
    assert encode([1.5, 2.5], accept, content_type, default)[1] == answered


@pytest.mark.parametrize(
    ("accept", "content_type", "default"),
    [
        ("", "text/csv", None),
        ("*/*", "application/x-npy", None),
        ("*/*", "application/json", "text/csv"),
        ("text/csv, application/json;q=0.1", "text/csv", None),
        ("text/csv, */*;q=0.1", "text/csv", None),
    ],
)
def test_what_the_first_choice_cannot_say_is_said_in_the_next(
    accept: str, content_type: str, default: str | None
) -> None:
    assert encode(NESTED, accept, content_type, default) == (b'{"a":{"b":[1]}}', media.JSON)


def test_an_accept_that_cannot_be_satisfied_is_a_406_naming_what_can() -> None:
    error = refusal([1], "image/png")
    assert "image/png" in error.detail
    assert all(kind in error.detail for kind in media.SUPPORTED)
    error = refusal(NESTED, "text/csv, application/x-npy")
    can = error.detail.partition("Accept one of")[2]
    assert media.JSON in can
    assert media.CSV not in can
    assert media.NPY not in can
    assert refusal([1], "*/*;q=0")
    assert refusal([1], "nonsense")
    assert len(refusal([1], "x/" + "y" * 5000).detail) < 500


@pytest.mark.parametrize("raw", [b"\x89PNG", bytearray(b"\x89PNG"), memoryview(b"\x89PNG")])
@pytest.mark.parametrize(
    ("accept", "default", "answered"),
    [
        ("image/png", None, "image/png"),
        ("*/*, image/png;q=0.5", None, "image/png"),
        ("image/*, IMAGE/JPEG;q=0.1", "image/png", "image/jpeg"),
        ("application/x-ndjson", None, "application/x-ndjson"),
        ("*/*", None, "application/octet-stream"),
        ("", None, "application/octet-stream"),
        ("*/*", "image/png", "image/png"),
        ("image/png;q=0", None, "application/octet-stream"),
    ],
)
def test_bytes_pass_as_they_are(raw: object, accept: str, default: str | None, answered: str) -> None:
    assert encode(raw, accept, "text/csv", default) == (b"\x89PNG", answered)


@pytest.mark.parametrize(
    ("accept", "default", "body", "answered"),
    [
        ("text/plain", None, "é,1", "text/plain; charset=utf-8"),
        ("*/*", "text/plain", "é,1", "text/plain; charset=utf-8"),
        ("application/json", None, '"é,1"', media.JSON),
        ("*/*", None, '"é,1"', media.JSON),
        ("text/csv", None, "é,1\n", CSV_ANSWER),
        ("application/jsonlines", None, '"é,1"\n', media.JSON_LINES),
    ],
)
def test_text_is_text_where_that_is_asked_for(
    accept: str, default: str | None, body: str, answered: str
) -> None:
    assert encode("é,1", accept, "application/json", default) == (body.encode(), answered)


def test_what_is_not_text_is_never_given_as_plain_text() -> None:
    refusal([1], "text/plain")
    assert encode([1], "*/*", "text/plain", "text/plain")[1] == media.JSON


def test_csv_text_that_ends_its_last_line_is_not_given_another_line() -> None:
    assert as_type("1\n2\n", media.CSV) == b"1\n2\n"


# --- JSON and JSON Lines ----------------------------------------------------------------------------

Pair = namedtuple("Pair", "a b")


@dataclasses.dataclass
class Scored:
    label: str
    score: float


ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        (np.array([1.5, NAN, -INF]), [1.5, None, None]),
        ([1.5, NAN, INF], [1.5, None, None]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.arange(4).reshape(2, 2).T, [[0, 2], [1, 3]]),
        (np.arange(6)[::2], [0, 2, 4]),
        (np.array([1, 2], dtype=">i4"), [1, 2]),
        ({"a": np.array([1, 2], dtype=">f8")}, {"a": [1, 2]}),
        (np.array([0.2, 0.1], dtype="f4")[::-1], [0.1, 0.2]),
        (np.ma.array([1.5, 2.5], mask=[False, True]), [1.5, None]),
        (np.array(1.5), 1.5),
        (np.zeros((0, 3)), []),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([{"a": {1}}, None], dtype=object), [{"a": [1]}, None]),
        (np.array([True]), [True]),
        (
            [np.float32(0.1), np.int64(2), np.bool_(True), np.str_("x"), np.array(3.0)],
            [0.1, 2, True, "x", 3.0],
        ),
        ((1, (2, 3)), [1, [2, 3]]),
        (Pair(1, 2), [1, 2]),
        (frozenset([1]), [1]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (Scored("x", 0.5), {"label": "x", "score": 0.5}),
        ({1: 2, None: 3, "a": {True: 4}}, {"1": 2, "null": 3, "a": {"true": 4}}),
        ([{np.int64(1): np.float32(0.1), np.str_("a"): 1}], [{"1": 0.1, "a": 1}]),
        (dict(zip(np.array(["u", "v"]), np.array([0.25, 0.75]), strict=True)), {"u": 0.25, "v": 0.75}),
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), ROWS),
        (pd.DataFrame([[1.5, NAN]]), [{"0": 1.5, "1": None}]),
        ({"scores": pd.Series([1, 2])}, {"scores": [1, 2]}),
        (pa.table({"a": [1, 2], "b": ["x", None]}), ROWS),
        (pa.array([1, None]), [1, None]),
        (pd.Timestamp("2020-01-02"), "2020-01-02T00:00:00"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (None, None),
    ],
)
def test_json_says_what_numpy_pandas_and_python_say(prediction: object, expected: object) -> None:
    assert json.loads(as_type(prediction, media.JSON)) == expected


@pytest.mark.parametrize(
    "prediction", [object(), [b"x"], {"a": {1, object()}}, 1j, 2**70, {(1, 2): 3}, "\ud800", ["\ud800"]]
)
def test_what_json_cannot_say_is_a_type_error(prediction: object) -> None:
    for accept, content_type in (
        ("*/*", "text/csv"),
        ("application/json", ""),
        ("application/jsonlines", ""),
    ):
        if accept == "*/*" and isinstance(prediction, (complex, int)):
            continue  # which CSV can say
        with pytest.raises(TypeError):
            encode(prediction, accept, content_type, None)


def test_a_prediction_that_holds_itself_is_a_type_error() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError):
        encode(endless, "", "", None)


def test_a_prediction_no_format_can_say_is_a_type_error_whatever_is_accepted() -> None:
    for accept in media.SUPPORTED:
        with pytest.raises(TypeError):
            encode([object()], accept, "", None)


@pytest.mark.parametrize(
    ("prediction", "lines"),
    [
        ([1, [2], {"a": NAN}, "x\ny"], '1\n[2]\n{"a":null}\n"x\\ny"\n'),
        (np.array([[1, 2], [3, 4]]), "[1,2]\n[3,4]\n"),
        (np.array([0.1, NAN], dtype="f4"), "0.1\nnull\n"),
        (np.array(1.5), "1.5\n"),
        (np.float32(0.1), "0.1\n"),
        ({"a": [1]}, '{"a":[1]}\n'),
        ([{1: 2}], '{"1":2}\n'),
        (pd.DataFrame(ROWS), '{"a":1,"b":"x"}\n{"a":2,"b":null}\n'),
        (pa.Table.from_pylist(ROWS), '{"a":1,"b":"x"}\n{"a":2,"b":null}\n'),
        (pd.Series([1, 2]), "1\n2\n"),
        ([Scored("x", 0.5)], '{"label":"x","score":0.5}\n'),
        (Scored("x", 0.5), '{"label":"x","score":0.5}\n'),
        (None, "null\n"),
        ([], ""),
    ],
)
def test_json_lines_have_one_element_a_line(prediction: object, lines: str) -> None:
    assert as_type(prediction, media.JSON_LINES).decode() == lines


# --- CSV --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prediction", "text"),
    [
        (np.array([1.5, NAN, INF, -INF]), "1.5\nnan\ninf\n-inf\n"),
        (np.array([[1.5, NAN], [-INF, 2]]), "1.5,nan\n-inf,2.0\n"),
        (np.array([[1, 2], [3, 4]]), "1,2\n3,4\n"),
        (np.arange(4).reshape(2, 2).T, "0,2\n1,3\n"),
        (np.array([0.1, NAN], dtype=">f4"), "0.1\nnan\n"),
        (np.array([[7]]), "7\n"),
        (np.array(1.5), "1.5\n"),
        (np.array(["setosa", "a,b", ""]), 'setosa\n"a,b"\n""\n'),
        (np.array([["a", None, 1.5]], dtype=object), "a,,1.5\n"),
        (np.array([True, False]), "True\nFalse\n"),
        ([1, 2.5, NAN, None], '1\n2.5\nnan\n""\n'),
        ([[1, "x\r\ny"], [2, 'say "z"']], '1,"x\r\ny"\n2,"say ""z"""\n'),
        (["a\rb"], '"a\rb"\n'),
        ([(1, 2), [3, 4], np.array([5, 6])], "1,2\n3,4\n5,6\n"),
        ([np.float32(0.1), np.float64(0.1), np.int8(3), np.bool_(True)], "0.1\n0.1\n3\nTrue\n"),
        ([{"a": 1, "b": "x,y"}, {"b": None, "a": 2}], 'a,b\n1,"x,y"\n2,\n'),
        ({"label": "x", "score": 0.5}, "label,score\nx,0.5\n"),
        (dict(zip(np.array([1, 2]), np.array([0.25, 0.75]), strict=True)), "1,2\n0.25,0.75\n"),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, NAN]}), "1.0,0.5\n2.0,nan\n"),
        (pd.DataFrame({"a": [1], "b": ["x"]}), "1,x\n"),
        (pd.Series([1, 2]), "1\n2\n"),
        (pa.Table.from_pylist(ROWS), "a,b\n1,x\n2,\n"),
        ([datetime.date(2020, 1, 2)], "2020-01-02\n"),
        (3, "3\n"),
        (None, '""\n'),
        ([], ""),
        (np.zeros((0, 3)), ""),
    ],
)
def test_csv_has_a_row_for_each_element(prediction: object, text: str) -> None:
    assert as_type(prediction, media.CSV).decode() == text


@pytest.mark.parametrize(
    "prediction",
    [
        NESTED,
        np.zeros((2, 2, 2)),
        np.zeros((2, 0)),
        np.ma.array([1.5, 2.5], mask=[False, True]),
        [[1], [2, 3]],
        [[1], 2],
        [1, [2]],
        [{"a": 1}, {"b": 2}],
        [{"a": 1}, 2],
        [{}],
        [[1, [2]]],
        [{"a": [1]}],
        [[{"a": 1}]],
        [b"x", b"y"],
        np.array([b"x"]),
        np.zeros(2, dtype=[("a", "f4")]),
        Scored("x", 0.5),
    ],
)
def test_what_is_no_table_is_not_csv(prediction: object) -> None:
    refusal(prediction, "text/csv")


FLOATS = st.floats(width=64)
WIDE = st.integers(-(2**53), 2**53)


def tables(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[list[list[Any]]]:
    return st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6)
    )


@given(tables(FLOATS) | tables(WIDE))
def test_numbers_come_back_from_csv_as_they_were(rows: list[list[float]]) -> None:
    for prediction in (rows, np.array(rows), np.asfortranarray(rows)):
        read = decode(as_type(prediction, media.CSV), "text/csv")
        assert np.array_equal(read.data, np.array(rows, dtype=float), equal_nan=True)


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@given(tables(TEXT))
def test_text_comes_back_from_csv_as_it_was(rows: list[list[str]]) -> None:
    body = as_type([["word"] * len(rows[0]), *rows], media.CSV)  # the word makes it text, not numbers
    assert decode(body, "text/csv;header=absent").data.tolist()[1:] == rows


@given(st.lists(st.fixed_dictionaries({"a": FLOATS, "b,c": WIDE}), min_size=1, max_size=5))
def test_objects_come_back_from_csv_with_their_header(rows: list[dict[str, float]]) -> None:
    read = decode(as_type(rows, media.CSV), "text/csv;header=present")
    assert read.columns == tuple(rows[0])
    expected = np.array([[row[name] for name in rows[0]] for row in rows], dtype=float)
    assert np.array_equal(read.data, expected, equal_nan=True)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | WIDE | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON_VALUES, min_size=1, max_size=4))
def test_json_and_json_lines_come_back_as_they_were(values: list[Any]) -> None:
    assert decode(as_type(values, media.JSON), media.JSON).data == values
    assert decode(as_type(values, media.JSON_LINES), media.JSON_LINES).data == values


# --- NPY, Parquet and Arrow -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prediction",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(4).reshape(2, 2).T,
        [1, 2],
        [[1.5], [2.5]],
        3,
        ["a", "é"],
        "text",
    ],
)
def test_npy_is_what_numpy_makes_of_a_prediction(prediction: object) -> None:
    array = np.load(io.BytesIO(as_type(prediction, media.NPY)), allow_pickle=False)
    assert array.dtype == np.asarray(prediction).dtype
    assert array.tolist() == np.asarray(prediction).tolist()


@pytest.mark.parametrize(
    "prediction", [NESTED, [[1], [2, 3]], [None], {1, 2}, [object(), 1], pd.DataFrame(ROWS)]
)
def test_npy_is_never_a_pickle(prediction: object) -> None:
    with pytest.raises((RequestError, TypeError)):
        encode(prediction, media.NPY, "", None)


@pytest.mark.parametrize("kind", media.ARROW_TYPES)
@pytest.mark.parametrize(
    ("prediction", "columns"),
    [
        (pa.Table.from_pylist(ROWS), {"a": [1, 2], "b": ["x", None]}),
        (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[5, 6]), {"a": [1, 2], "b": ["x", "y"]}),
        (ROWS, {"a": [1, 2], "b": ["x", None]}),
        (NESTED, {"a": [{"b": [1]}]}),
        (np.array([1.5, 2.5]), {"0": [1.5, 2.5]}),
        (np.array([[1, 2], [3, 4]]), {"0": [1, 3], "1": [2, 4]}),
        (np.array(["a", "b"]), {"0": ["a", "b"]}),
        (np.array(["a", None], dtype=object), {"0": ["a", None]}),
        ([["a", 1], ["b", 2]], {"0": ["a", "b"], "1": [1, 2]}),
        (7, {"0": [7]}),
    ],
)
def test_parquet_and_arrow_are_tables(kind: str, prediction: object, columns: dict[str, list[Any]]) -> None:
    read = decode(as_type(prediction, kind), kind)
    assert read.data.to_pydict() == columns
    assert read.columns == tuple(columns)


@pytest.mark.parametrize("kind", media.ARROW_TYPES)
@pytest.mark.parametrize(
    "prediction", [np.zeros((2, 2, 2)), np.zeros((2, 0)), [], [1, "a"], [{"a": 1}, {"b": 2}, 3], [{1, "a"}]]
)
def test_what_is_no_table_is_not_parquet_or_arrow(kind: str, prediction: object) -> None:
    refusal(prediction, kind)
