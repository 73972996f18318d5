"""Batch transform: input filters, joins, output filters."""

from __future__ import annotations

from typing import Any

import pytest

from longshore.emulator.faults import Failure
from longshore.emulator.jobs.transform.data_processing import Processing
from longshore.emulator.jobs.transform.jsonpath import Path, PathError
from longshore.emulator.jobs.transform.split import Batch, Record

VALUE = {"id": 7, "features": [1, 2, 3, 4], "deep": {"a b": {"c": [5]}, "d": 6}}


@pytest.mark.parametrize(
    ("path", "value", "picked"),
    [
        ("$", VALUE, VALUE),
        ("$.features", VALUE, [1, 2, 3, 4]),
        ("$['features']", VALUE, [1, 2, 3, 4]),
        ('$["features"][0]', VALUE, 1),
        ("$.features[-1]", VALUE, 4),
        ("$.features[1:3]", VALUE, [2, 3]),
        ("$.features[:2]", VALUE, [1, 2]),
        ("$.features[2:]", VALUE, [3, 4]),
        ("$.features[-2:]", VALUE, [3, 4]),
        ("$.features[0,2:]", VALUE, [1, 3, 4]),
        ("$.features[ 0 , -1 ]", VALUE, [1, 4]),
        ("$['id','features']", VALUE, {"id": 7, "features": [1, 2, 3, 4]}),
        ("$.deep['a b'].c[0]", VALUE, 5),
        ("$.deep.['d']", VALUE, 6),
        ("$.features[*]", VALUE, [1, 2, 3, 4]),
        ("$.deep.*", VALUE, [{"c": [5]}, 6]),
        ("$['it\\'s']", {"it's": 1}, 1),
        ("$[1:]", ["a", "b", "c"], ["b", "c"]),
    ],
)
def test_a_path_picks(path: str, value: Any, picked: Any) -> None:
    assert Path(path).pick(value) == picked


@pytest.mark.parametrize(
    "path",
    [
        "",
        "id",
        "$id",
        "$.",
        "$[",
        "$[]",
        "$[1",
        "$['a]",
        "$['a',0]",
        "$[?(@.a)]",
        "$..id",
        "$[a]",
        "$" + ".a" * 40,
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(PathError):
        Path(path)


@pytest.mark.parametrize("path", ["$.no", "$.id.more", "$.features[9]", "$['id','no']", "$[0]"])
def test_what_a_path_does_not_find_is_said(path: str) -> None:
    with pytest.raises(PathError, match="names what is not in the record"):
        Path(path).pick(VALUE)


def process(
    settings: dict[str, str], content_type: str, lines: list[bytes], answer: bytes, split: str = "Line"
) -> tuple[bytes, bytes]:
    """What is sent of these records in one request, and what is stored of its answer."""
    processing = Processing(settings, content_type=content_type, split=split)
    records = tuple(Record(number, line, line) for number, line in enumerate(lines, 1))
    sent = b"".join(processing.payload(record, single=len(lines) == 1, name="k") for record in records)
    return sent, processing.answer(Batch(sent, records), answer, "k")


def test_nothing_changes_by_itself() -> None:
    assert process({}, "image/png", [b"\x89PNG"], b"cat", "None") == (b"\x89PNG", b"cat")
    defaults = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert process(defaults, "image/png", [b"\x89PNG"], b"cat", "None") == (b"\x89PNG", b"cat")


def test_csv_columns_are_joined_at_the_end_and_filtered() -> None:
    rows = [b'7,"a,b",2\n', b"8,c,3"]
    settings = {"InputFilter": "$[1:]", "JoinSource": "Input"}
    sent, stored = process(settings, "text/csv", rows, b"0.5,x\n0.7,y\n")
    assert sent == b'"a,b",2\nc,3'
    assert stored == b'7,"a,b",2,0.5,x\n8,c,3,0.7,y\n'
    _, stored = process(
        {**settings, "OutputFilter": "$[0,-1]"}, "text/csv; charset=utf-8", rows, b"0.5,x\n0.7,y\n"
    )
    assert stored == b"7,x\n8,y\n"


def test_csv_that_is_not_split_is_joined_row_by_row() -> None:
    _, stored = process({"JoinSource": "Input"}, "text/csv", [b"1,2\n3,4\n"], b"a\nb\n", "None")
    assert stored == b"1,2,a\n3,4,b\n"


@pytest.mark.parametrize("content_type", ["application/jsonlines", "application/json"])
def test_json_lines_are_joined_under_sagemakeroutput(content_type: str) -> None:
    lines = [b'{"id":1,"features":[1,2]}\n', b'{"id":2,"features":[3,4]}\n']
    settings = {"InputFilter": "$.features", "JoinSource": "Input"}
    sent, stored = process(settings, content_type, lines, b'{"y":1}\n{"y":2}\n')
    assert sent == b"[1,2]\n[3,4]\n"
    assert stored == (
        b'{"id":1,"features":[1,2],"SageMakerOutput":{"y":1}}\n{"id":2,"features":[3,4],"SageMakerOutput":{"y":2}}\n'
    )
    settings["OutputFilter"] = "$['id','SageMakerOutput']"
    _, stored = process(settings, content_type, lines, b"0.1\n0.2\n")
    assert stored == b'{"id":1,"SageMakerOutput":0.1}\n{"id":2,"SageMakerOutput":0.2}\n'


def test_json_that_is_no_object_goes_under_sagemakerinput() -> None:
    _, stored = process({"JoinSource": "Input"}, "application/json", [b"[1, 2]"], b"[3]", "None")
    assert stored == b'{"SageMakerInput":[1,2],"SageMakerOutput":[3]}\n'


def test_a_document_over_several_lines_is_one_value() -> None:
    _, stored = process(
        {"JoinSource": "Input"}, "application/json", [b'{\n "a": 1\n}\n'], b'{\n "b": 2}\n', "None"
    )
    assert stored == b'{"a":1,"SageMakerOutput":{"b":2}}\n'


def test_an_output_filter_without_a_join_filters_the_answer() -> None:
    _, stored = process(
        {"OutputFilter": "$.y"}, "application/jsonlines", [b"1\n", b"2\n"], b'{"y":3}\n{"y":4}\n'
    )
    assert stored == b"3\n4\n"


def test_answers_that_do_not_pair_off_fail_the_job() -> None:
    with pytest.raises(Failure, match=r"k, from record 1 on: 2 records were sent, and 1 came back"):
        process({"JoinSource": "Input"}, "text/csv", [b"1\n", b"2\n"], b"a\n")


def test_a_record_without_what_the_filter_names_fails_the_job() -> None:
    with pytest.raises(Failure, match=r"k, record 2: '\$\.a' names what is not in the record"):
        process({"InputFilter": "$.a"}, "application/jsonlines", [b'{"a":1}\n', b"{}\n"], b"")


def test_a_record_that_is_not_json_fails_the_job() -> None:
    with pytest.raises(Failure, match=r"k, record 1: not JSON"):
        process({"InputFilter": "$.a"}, "application/jsonlines", [b"5.1,3.5\n"], b"")


@pytest.mark.parametrize(("content_type", "split"), [("image/png", "None"), ("text/csv", "RecordIO")])
def test_data_processing_needs_csv_or_json(content_type: str, split: str) -> None:
    with pytest.raises(ValueError, match="DataProcessing"):
        Processing({"JoinSource": "Input"}, content_type=content_type, split=split)
