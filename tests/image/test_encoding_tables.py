"""Answers as tables: CSV, NPY, Parquet and Arrow."""

from __future__ import annotations

import datetime
import importlib
import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.decoding import decode
from longshore_runtime.runners.model.encoding import encode
from tests.support.encoding import INF, NAN, NESTED, ROWS, Scored, as_type, refusal

pa: Any = importlib.import_module("pyarrow")


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
        (pd.DataFrame({"a": [1, 2], "b": [0.5, NAN]}), "1,0.5\n2,nan\n"),
        (pd.DataFrame({"a": [1], "b": ["x"]}), "1,x\n"),
        (pd.Series([1, 2]), "1\n2\n"),
        (pa.Table.from_pylist(ROWS), "a,b\n1,x\n2,\n"),
        ([datetime.date(2020, 1, 2)], "2020-01-02\n"),
        (3, "3\n"),
        (None, '""\n'),
        (np.ma.array([1.5, 2.5], mask=[False, True]), '1.5\n""\n'),
        (np.array([(1, 0.5)], dtype=[("a", "i4"), ("b", "f4")]), "a,b\n1,0.5\n"),
        ([Scored("x", 0.5)], "label,score\nx,0.5\n"),
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
        [{1, 2}],
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
