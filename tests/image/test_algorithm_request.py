"""The request: what passes, what is refused in which words, and that no path leads out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.algorithm import folders
from longshore_runtime.runners.algorithm.request import Input, Task, parse, parse_many

INPUT: dict[str, Any] = {"relative_path": "a/b.mha", "bucket_name": "in", "bucket_key": "k"}
REQUEST: dict[str, Any] = {
    "pk": "p",
    "inputs": [INPUT],
    "output_bucket_name": "out",
    "output_prefix": "results/1",
}


def body(**changes: Any) -> bytes:
    return json.dumps(REQUEST | changes).encode()


def refusal(content: bytes) -> str:
    with pytest.raises(RequestError) as caught:
        parse(content)
    assert caught.value.status == 400
    assert " - at `$" not in caught.value.detail
    return caught.value.detail


def paths(*given: str | tuple[str, bool]) -> bytes:
    """A request with inputs of these paths; (path, True) is one to decompress."""
    pairs = [(each, False) if isinstance(each, str) else each for each in given]
    return body(inputs=[INPUT | {"relative_path": path, "decompress": zipped} for path, zipped in pairs])


def test_a_request_as_grand_challenge_sends_it_passes() -> None:
    task = parse(body(timeout="PT1H10M30S", something_new={"a": [1]}))
    assert task == Task("p", (Input("a/b.mha", "in", "k"),), "out", "results/1", "PT1H10M30S")
    assert task.prefix == "results/1/"
    assert task.result_place == ("out", "results/1/.sagemaker_shim/inference_result.json")
    assert not task.rerun


def test_a_task_without_inputs_passes() -> None:
    assert parse(body(inputs=[])).inputs == ()


@pytest.mark.parametrize(("prefix", "used"), [("a", "a/"), ("a/", "a/"), ("/a", "/a/"), ("a//", "a//")])
def test_the_prefix_ends_in_a_slash_and_is_else_as_given(prefix: str, used: str) -> None:
    assert parse(body(output_prefix=prefix)).prefix == used


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, 77.0), ("PT1H10M30S", 4230.0), ("P1DT2H", 93600.0), ("PT0.5S", 0.5), ("P0DT00H01M00S", 60.0),
        ("pt1s", 1.0), ("P4D", 345600.0), ("P0.5W", 302400.0), (30, 30.0), (1.5, 1.5), (432000, 432000.0),
    ],
)  # fmt: skip
def test_a_timeout_is_a_number_of_seconds_or_a_duration(given: object, seconds: float) -> None:
    assert parse(body(timeout=given)).seconds(77.0) == seconds


@pytest.mark.parametrize(
    "given",
    [0, -1, 432000.5, 1e300, "", "P", "PT", "P1DT", "PT0S", "-PT1S", "P1Y", "P1M", "P1W", "PT1", "1:30", "30",
     "P99999999999D", "PT" + "9" * 5000 + "S", "PT٣S", "PT1H ", "\u0000"],
)  # fmt: skip
def test_a_timeout_that_is_no_time_from_0_to_5_days_is_refused(given: object) -> None:
    detail = refusal(body(timeout=given))
    assert re.match(r"timeout: .{0,200} is not a time above 0 and of 5 days at most\. Send", detail)


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (body(pk=3), "pk: expected a string, got a number."),
        (body(rerun="yes"), "rerun: expected true or false, got a string."),
        (body(timeout=[]), "timeout: expected a number or a string or null, got a list."),
        (body(inputs={}), "inputs: expected a list, got an object."),
        (body(inputs=[INPUT, 3]), "inputs[1]: expected an object, got a number."),
        (body(inputs=[INPUT, {}]), "inputs[1].relative_path: it is missing. Send it."),
        (body(inputs=[INPUT | {"bucket_key": None}]), "inputs[0].bucket_key: expected a string, got null."),
        (b"{}", "pk: it is missing. Send it."),
        (b"[]", "Expected an object, got a list."),
        (body(pk=""), "pk: it has 0 characters. Send 1 to 1,024."),
        (body(pk="x" * 1025), "pk: it has 1,025 characters. Send 1 to 1,024."),
        (paths("a", "../x"), "inputs[1].relative_path: '../x' leads out of the input folder."),
        (paths("/etc/passwd"), "inputs[0].relative_path: '/etc/passwd' leads out of the input folder."),
        (paths("a/../../x"), "inputs[0].relative_path: 'a/../../x' leads out of the input folder."),
        (paths(""), "inputs[0].relative_path: '' does not name a file."),
        (paths("./."), "inputs[0].relative_path: './.' does not name a file."),
        (paths("a/"), "inputs[0].relative_path: 'a/' does not name a file."),
        (paths("a\0b"), r"inputs[0].relative_path: 'a\x00b' has control characters."),
        (paths("a\nb"), r"inputs[0].relative_path: 'a\nb' has control characters."),
        (paths("é" * 128), f"inputs[0].relative_path: '{'é' * 120}…' is longer than 3,072 bytes, or"),
        (paths("a/" * 2047 + "ab"), f"inputs[0].relative_path: '{'a/' * 60}…' is longer than 3,072 bytes"),
        (
            paths("x", "a//b", "./a/b"),
            "inputs[1].relative_path: 'a/b' and that of inputs[2], 'a/b', are one file. Send different",
        ),
        (
            paths("a/b/c", "x", "a"),
            "inputs[0].relative_path: 'a/b/c' and that of inputs[2], 'a', collide: one is a file where",
        ),
        (paths("a", "a!", "a/b"), "inputs[0].relative_path: 'a' and that of inputs[2], 'a/b', collide"),
        (paths(("a/b.zip", True), "a"), "inputs[0].relative_path: 'a/b.zip' and that of inputs[1], 'a', co"),
        (body(inputs=[INPUT | {"bucket_key": ""}]), "inputs[0].bucket_key: '' is empty or longer than 1,024"),
        (body(inputs=[INPUT | {"bucket_key": "é" * 513}]), f"inputs[0].bucket_key: '{'é' * 120}…' is empty"),
        (body(inputs=[INPUT | {"bucket_name": "a/b"}]), "inputs[0].bucket_name: 'a/b' is no bucket."),
        (body(output_prefix=" "), "output_prefix: ' ' is blank"),
        (body(output_prefix="a\0"), r"output_prefix: 'a\x00' is blank, has a NUL"),
        (body(output_prefix="é" * 451), f"output_prefix: '{'é' * 120}…' is blank"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field_in_plain_words(content: bytes, detail: str) -> None:
    assert refusal(content).startswith(detail)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"{", body()[:-1], body() + b"x", body().replace(b'"p"', b"NaN"), b"\xef\xbb\xbf" + body(),
     body().replace(b'"p"', b'"\xff"'), body().replace(b'"p"', b'"\\udc80"'), b'{"x":' * 100_000,
     body(inputs=[INPUT | {"relative_path": "a\udc80"}])],
)  # fmt: skip
def test_what_is_not_json_is_refused(content: bytes) -> None:
    assert "JSON" in refusal(content)


def test_plain_text_as_it_came_from_the_command_line_is_read_and_bytes_lost_on_the_way_refused() -> None:
    assert parse_many(json.dumps([REQUEST])) == [parse(body())]
    with pytest.raises(RequestError, match="not JSON in UTF-8"):
        parse_many('[{"pk": "\udcff"}]')


@pytest.mark.parametrize(
    "name",
    [
        "demo-grand-challenge", "A_b.9", "x" * 255,
        "arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point",
        "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint:my.point",
        "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap",
        "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/my-point",
        "arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-1/accesspoint/my-point",
    ],
)  # fmt: skip
def test_a_bucket_is_a_name_or_an_access_points_arn(name: str) -> None:
    assert parse(body(output_bucket_name=name)).output_bucket_name == name


@pytest.mark.parametrize(
    "name",
    ["", "x" * 256, "a b", "a/b", "bücket", "a\n", "..", "arn:aws:s3:eu-west-1:123456789012:bucket/x",
     "arn:aws:s3:eu-west-1:12345678901:accesspoint/x", "arn:aws:s3:eu-west-1:123456789012:accesspoint/x/../y",
     "arn:evil:s3:eu-west-1:123456789012:accesspoint/x"],
)  # fmt: skip
def test_what_is_no_bucket_is_refused(name: str) -> None:
    assert refusal(body(output_bucket_name=name)).startswith("output_bucket_name: ")


def test_keys_and_backslashes_are_as_given_and_harmless_detours_are_taken_out() -> None:
    task = parse(body(inputs=[INPUT | {"relative_path": "./a//./b\\c", "bucket_key": "/a/../b"}]))
    assert task.inputs == (Input("a/b\\c", "in", "/a/../b"),)


def test_archives_may_share_a_folder_with_each_other_and_with_files() -> None:
    task = parse(
        paths(("a/x.zip", True), ("a/x.zip", True), "a/x.zip", ("x.zip", True), "b", ("x", True), "x/y")
    )
    assert len(task.inputs) == 7


def test_a_pk_is_any_text_and_changes_the_fingerprint_alone() -> None:
    task = parse(body(pk="../../x'; rm"))
    assert task.result_key == parse(body()).result_key
    assert task.fingerprint != parse(body()).fingerprint
    assert re.fullmatch("[0-9a-f]{64}", task.fingerprint)


def test_a_pk_that_no_environment_can_hold_is_refused() -> None:
    with pytest.raises(RequestError, match=r"^pk: it has a NUL character"):
        parse(body(pk="a\0b"))


def test_the_fingerprint_is_of_the_work_not_of_its_wording() -> None:
    wording = body(timeout=3, rerun=True, output_prefix="results/1/", x=1).replace(
        b'"a/b.mha"', b'"a//b.mha"'
    )
    assert parse(wording).fingerprint == parse(body()).fingerprint


def test_a_list_of_tasks_names_the_place_of_the_fault() -> None:
    assert [task.pk for task in parse_many(json.dumps([REQUEST, REQUEST | {"pk": "q"}]))] == ["p", "q"]
    for tasks, detail in (
        ([], "The list of tasks is empty. Send at least one."),
        (REQUEST, "Expected a list, got an object."),
        ([REQUEST, {}], "[1].pk: it is missing."),
        ([REQUEST, REQUEST | {"pk": ""}], "[1].pk: it has 0"),
        ([json.loads(paths("a", "../b"))], "[0].inputs[1].relative_path: '../b' leads"),
        (
            [json.loads(paths("a", "a/b"))],
            "[0].inputs[0].relative_path: 'a' and that of [0].inputs[1], 'a/b',",
        ),
    ):
        with pytest.raises(RequestError) as caught:
            parse_many(json.dumps(tasks))
        assert caught.value.detail.startswith(detail)


NAMES = st.sampled_from(["a", "b", "..", ".", "", "a\0", "x" * 256, "c\\", "..."]) | st.text(max_size=5)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join) | st.sampled_from(
    ["a" * 4096, "a/" * 2048, "~/a"]
)


@given(st.lists(st.tuples(PATHS, st.booleans()), min_size=1, max_size=6))
@settings(max_examples=400)
def test_every_accepted_path_can_be_made_below_a_folder_and_nothing_beside_it(
    tmp_path_factory: pytest.TempPathFactory, inputs: list[tuple[str, bool]]
) -> None:
    try:
        task = parse(paths(*inputs))
    except RequestError:
        detail = refusal(paths(*inputs))
        assert re.match(r"inputs\[\d\]\.relative_path: |This is not JSON", detail)  # lone surrogates
        assert len(detail) < 2000
        return
    above = tmp_path_factory.mktemp("above")
    folder = above / "input"
    folder.mkdir()
    made = set()
    for each in task.inputs:
        target = folders.place(folder, each.relative_path)
        if not each.decompress:
            target.touch(exist_ok=False)
            made.add(target.resolve(strict=True))
    assert list(above.iterdir()) == [folder]
    assert {path for path in folder.rglob("*") if path.is_file()} == made


@given(st.lists(st.lists(st.sampled_from("ab!"), min_size=1, max_size=3).map("/".join), max_size=5))
@settings(max_examples=300)
def test_inputs_collide_where_one_path_is_another_or_a_folder_of_it(given: list[str]) -> None:
    collide = any(
        i != j and (one == other or Path(one) in Path(other).parents)
        for i, one in enumerate(given)
        for j, other in enumerate(given)
    )
    try:
        parse(paths(*given))
    except RequestError:
        assert collide
    else:
        assert not collide
