"""Answers: which type a caller gets, and what JSON and JSON Lines make of a prediction."""

from __future__ import annotations

import datetime
import importlib
import json
from collections import namedtuple
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.decoding import decode
from longshore_runtime.runners.model.encoding import encode
from longshore_runtime.runners.model.results import is_response
from tests.support.encoding import CSV_ANSWER, INF, NAN, NESTED, ROWS, Scored, as_type, refusal

pa: Any = importlib.import_module("pyarrow")


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
        ("x/y," * 90 + "text/csv", "text/csv", None, CSV_ANSWER),
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
    assert len(refusal([1], "x/" + "y" * 4000).detail) < 500


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


Pair = namedtuple("Pair", "a b")


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


@pytest.mark.parametrize("prediction", [object(), {"a": {1, object()}}, {(1, 2): 3}, "\ud800", ["\ud800"]])
def test_what_no_format_can_say_is_a_type_error(prediction: object) -> None:
    for accept, content_type in (
        ("*/*", "text/csv"),
        ("application/json", ""),
        ("application/jsonlines", ""),
    ):
        with pytest.raises(TypeError):
            encode(prediction, accept, content_type, None)


@pytest.mark.parametrize(("prediction", "possible"), [([b"x"], media.NPY), (1j, media.CSV)])
def test_what_json_alone_cannot_say_is_a_406_naming_what_can(prediction: object, possible: str) -> None:
    for accept in (media.JSON, media.JSON_LINES):
        assert possible in refusal(prediction, accept).detail


class Obliging(dict[str, Any]):
    """A dict that has whatever attribute it is asked for, as some libraries' have."""

    def __getattr__(self, name: str) -> Any:
        return Obliging()


def test_a_dict_that_claims_to_have_any_attribute_is_a_dict() -> None:
    prediction = Obliging(a=1)
    assert not is_response(prediction)
    assert as_type(prediction, media.JSON) == b'{"a":1}'
    assert as_type(prediction, media.CSV) == b"a\n1\n"
    assert decode(as_type(prediction, media.PARQUET), media.PARQUET).data.to_pydict() == {"a": [1]}


def test_integers_with_more_digits_than_python_writes_are_a_type_error() -> None:
    for accept in ("", media.CSV):
        with pytest.raises(TypeError):
            encode([10**5000], accept, "", None)


def test_a_prediction_that_holds_itself_is_a_type_error() -> None:
    endless: list[Any] = []
    endless.append(endless)
    circle: dict[str, Any] = {}
    circle["x"] = circle
    for prediction in (endless, circle, [circle]):
        for accept in ("", *media.SUPPORTED):
            with pytest.raises(TypeError):
                encode(prediction, accept, "", None)


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
