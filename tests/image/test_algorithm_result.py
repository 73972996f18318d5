"""The result file: its fields, its signature, and when a stored one answers a task."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from longshore_runtime import contract
from longshore_runtime.runners.algorithm.outcome import Reason
from longshore_runtime.runners.algorithm.request import Task, parse
from longshore_runtime.runners.algorithm.result import (
    Output,
    Reached,
    Result,
    answers,
    decode,
    encode,
    sign,
    valid,
)

KEY = b"signing key"
REQUEST: dict[str, Any] = {
    "pk": "task 1",
    "inputs": [
        {"relative_path": "a.mha", "bucket_name": "in", "bucket_key": "1"},
        {"relative_path": "b.mha", "bucket_name": "in", "bucket_key": "2"},
    ],
    "output_bucket_name": "out",
    "output_prefix": "results/1",
}


def task(**changes: Any) -> Task:
    return parse(json.dumps(REQUEST | changes).encode())


def result(**changes: Any) -> Result:
    fields: dict[str, Any] = {
        "pk": "task 1",
        "return_code": 0,
        "outputs": [Output("out.json", "out", "results/1/out.json", 3, "ab" * 32)],
        "exec_duration": timedelta(seconds=1.5),
        "reason": Reason.OK,
        "durations": {"fetch": 0.5, "run": 1.5, "store": 0.25},
        "request_sha256": task().fingerprint,
    }
    return Result(**(fields | changes))


def test_the_json_has_the_fields_of_grand_challenge_and_ours() -> None:
    encoded = encode(result(user_process_last_stderr_lines=["é"], progress=Reached(0.5, "half")))
    assert json.loads(encoded) == {
        "pk": "task 1",
        "return_code": 0,
        "outputs": [
            {
                "relative_path": "out.json",
                "bucket_name": "out",
                "bucket_key": "results/1/out.json",
                "decompress": False,
                "size": 3,
                "sha256": "ab" * 32,
            }
        ],
        "user_safe_error_message": "",
        "user_process_last_stderr_lines": ["é"],
        "exec_duration": "PT1.5S",
        "invoke_duration": None,
        "sagemaker_shim_version": f"longshore {contract.VERSION}",
        "reason": "ok",
        "durations": {"fetch": 0.5, "run": 1.5, "store": 0.25},
        "progress": {"fraction": 0.5, "text": "half"},
        "request_sha256": task().fingerprint,
        "longshore_version": contract.VERSION,
    }


def test_what_is_encoded_is_decoded_again() -> None:
    for each in (
        result(),
        result(return_code=-9, reason=Reason.SIGNAL, progress=Reached(0, ""), exec_duration=None),
        result(invoke_duration=timedelta(days=2, seconds=0.25)),
        result(outputs=[Output(f"{n}", "out", f"results/1/{n}", n, "") for n in range(2000)]),
    ):
        assert decode(encode(each)) == each


def test_a_text_that_is_not_unicode_does_not_cost_the_result() -> None:
    found = decode(encode(result(user_safe_error_message="'a\udcff' cannot be stored", reason=Reason.OUTPUT)))
    assert found is not None
    assert found.user_safe_error_message == "'a?' cannot be stored"
    assert found == result(user_safe_error_message="'a?' cannot be stored", reason=Reason.OUTPUT)


SHIMS = {  # as the program this is a drop-in for writes it
    "pk": "task 1",
    "return_code": 0,
    "user_safe_error_message": "",
    "user_process_last_stderr_lines": [],
    "exec_duration": "PT1.5S",
    "invoke_duration": None,
    "outputs": [],
    "sagemaker_shim_version": "0.8.3",
}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"pk":"\xff"}',
        b"[" * 100_000,
        json.dumps(SHIMS).encode(),
        encode(result()).replace(b'"ok"', b'"fine"'),
        encode(result())[:-1],
    ],
)
def test_what_is_not_one_of_ours_is_none(content: bytes) -> None:
    assert decode(content) is None
    assert answers(content, sign(content, KEY), task(), KEY) is None


def test_the_signature_is_hmac_sha256_in_hexadecimal() -> None:
    content = encode(result())
    assert sign(content, KEY) == hmac.new(KEY, content, hashlib.sha256).hexdigest()


def test_a_signature_is_valid_for_its_content_and_key_alone() -> None:
    content = encode(result())
    signature = sign(content, KEY)
    assert valid(content, signature, KEY)
    assert not valid(content + b" ", signature, KEY)
    assert not valid(content, signature, KEY + b"2")
    for other in (None, "", signature[:-1], signature.upper(), "é", "\udcff", sign(content, b"")):
        assert not valid(content, other, KEY)


def test_without_a_key_everything_is_valid() -> None:
    assert valid(b"x", None, None)
    assert valid(b"x", "whatever", b"")


def test_a_stored_result_answers_the_task_it_is_of() -> None:
    content = encode(result())
    assert answers(content, sign(content, KEY), task(), KEY) == result()
    assert answers(content, None, task(), None) == result()
    # What has no influence on the outputs may differ.
    assert answers(content, None, task(timeout=5, inputs=REQUEST["inputs"][::-1]), None) == result()


@pytest.mark.parametrize(
    "changes",
    [
        {"pk": "task 2"},
        {"output_prefix": "results/2"},
        {"output_bucket_name": "out2"},
        {"inputs": REQUEST["inputs"][:1]},
        {"inputs": [REQUEST["inputs"][0] | {"decompress": True}, REQUEST["inputs"][1]]},
        {"inputs": [REQUEST["inputs"][0] | {"bucket_key": "3"}, REQUEST["inputs"][1]]},
    ],
)
def test_a_stored_result_does_not_answer_another_task(changes: dict[str, Any]) -> None:
    assert answers(encode(result()), None, task(**changes), None) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"return_code": 1, "reason": Reason.EXIT},
        {"return_code": 0, "reason": Reason.OUTPUT},
        {"return_code": -15, "reason": Reason.OK},
    ],
)
def test_a_task_that_failed_runs_again(changes: dict[str, Any]) -> None:
    assert answers(encode(result(**changes)), None, task(), None) is None


def test_a_forged_result_does_not_answer() -> None:
    content = encode(msgspec.structs.replace(result(), outputs=[]))
    assert answers(content, sign(encode(result()), KEY), task(), KEY) is None
    assert answers(content, None, task(), KEY) is None
