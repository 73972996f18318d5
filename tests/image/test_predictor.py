"""POST /invocations through the whole stack: what comes in, what the model sees, what goes out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.image.test_serve import assert_problem
from tests.support.server import Server, wait_until


@pytest.fixture(scope="module")
def fails(tmp_path_factory: pytest.TempPathFactory, worker_class: str) -> Iterator[Server]:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with Server(tmp_path_factory.mktemp("fails"), "fails", **variables) as server:
        yield server


def test_json_reaches_the_model_as_it_is(describe: Server) -> None:
    assert describe.post({"a": [1, None, "x"]}).json()["value"] == {"a": [1, None, "x"]}


def test_csv_reaches_the_model_as_an_array_and_its_header_as_columns(describe: Server) -> None:
    seen = describe.post("a,b\n1,2\n3,4\n", "text/csv", Accept="application/json").json()
    assert (seen["dtype"], seen["shape"], seen["rows"]) == ("float64", [2, 2], [[1, 2], [3, 4]])
    assert seen["columns"] == ["a", "b"]


def test_npy_reaches_the_model_as_an_array(describe: Server) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([[1, 2]], dtype="int16"))
    seen = describe.post(buffer.getvalue(), "application/x-npy", Accept="application/json").json()
    assert (seen["dtype"], seen["rows"]) == ("int16", [[1, 2]])


def test_an_empty_body_is_204(describe: Server) -> None:
    for content_type in ("application/json", "text/csv", None):
        response = describe.post(b"", content_type)
        assert (response.status_code, response.content) == (204, b"")


def test_a_body_that_cannot_be_read_is_400_with_line_and_column(describe: Server) -> None:
    problem = assert_problem(describe.post('{"a": 1,\n "b": }'), 400)
    assert "line 2" in str(problem["detail"]) and "column" in str(problem["detail"])


@pytest.mark.parametrize("content_type", ["image/png", "application/x-www-form-urlencoded", "nonsense", None])
def test_an_unknown_content_type_is_415_and_the_known_ones_are_named(
    describe: Server, content_type: str | None
) -> None:
    assert "text/csv" in str(assert_problem(describe.post(b"x", content_type), 415)["detail"])


def test_an_accept_that_cannot_be_met_is_406_and_what_can_be_is_named(describe: Server) -> None:
    problem = assert_problem(describe.post([1], Accept="image/png"), 406)
    assert "application/json" in str(problem["detail"])


def test_a_value_error_of_the_model_is_422_in_its_own_words(fails: Server) -> None:
    refused = fails.post({"in": "predict", "with": "ValueError", "saying": "three columns, please"})
    assert assert_problem(refused, 422)["detail"] == "three columns, please"


@pytest.mark.parametrize("kind", ["RuntimeError", "KeyError", "MemoryError", "TypeError", "RecursionError"])
@pytest.mark.parametrize("stage", ["predict", "encode"])
def test_a_model_that_fails_is_500_with_the_id_and_without_its_words(
    fails: Server, stage: str, kind: str
) -> None:
    response = fails.post({"in": stage, "with": kind}, X_Amzn_SageMaker_Inference_Id=f"{stage}-{kind}")
    problem = assert_problem(response, 500)
    assert problem["request_id"] == f"{stage}-{kind}"
    assert "swordfish" not in response.text and "Traceback" not in response.text
    line = wait_until(
        lambda: [x for x in fails.log() if x.get("request_id") == f"{stage}-{kind}" and "exception" in x],
        "the log's line",
    )[0]
    assert "swordfish" in line["exception"] and "Traceback" in line["exception"]


def test_sys_exit_in_predict_is_500_and_no_worker_dies(fails: Server) -> None:
    before = fails.workers()
    assert_problem(fails.post({"in": "predict", "with": "SystemExit"}), 500)
    assert_problem(fails.post({"in": "predict", "with": "KeyboardInterrupt"}), 500)
    assert fails.post({"in": "nothing"}).status_code == 200
    assert fails.workers() == before


def test_an_encode_that_returns_no_body_is_500(fails: Server) -> None:
    assert_problem(fails.post({"in": "answer"}), 500)


def test_custom_attributes_reach_the_model_and_are_answered(describe: Server) -> None:
    response = describe.post({}, X_Amzn_SageMaker_Custom_Attributes="trace=7")
    assert response.headers["X-Amzn-SageMaker-Custom-Attributes"] == "got trace=7"
    assert "X-Amzn-SageMaker-Custom-Attributes" not in describe.post({}).headers


@pytest.mark.parametrize("attributes", ["x\r\nSet-Cookie: a=b", "x" * 1025, "ü"])
def test_attributes_that_cannot_be_a_header_are_500_and_reach_no_client(
    fails: Server, attributes: str
) -> None:
    response = fails.post({"in": "headers", "attributes": attributes})
    assert_problem(response, 500)
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("name", ["content-length", "Transfer-Encoding", "X-Accel-Redirect"])
def test_a_header_that_is_not_the_models_to_set_is_500_and_the_log_names_it(fails: Server, name: str) -> None:
    assert_problem(fails.post({"in": "headers", "more": {name: "5"}}), 500)
    assert f"'{name}' is no header that a model may set" in fails.stderr
    assert fails.post({"in": "headers", "more": {"X-Model": "5"}}).headers["X-Model"] == "5"


def test_a_long_refusal_is_cut_to_what_sagemaker_passes_on(fails: Server) -> None:
    for saying in ("x" * 10_000, "\u0000" * 10_000, "😀" * 10_000):
        response = fails.post({"in": "predict", "with": "ValueError", "saying": saying})
        assert_problem(response, 422)


@pytest.fixture(scope="module")
def own_codecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("own"), "own_codecs", MODEL_SERVER_WORKERS=1) as server:
        yield server


def test_a_models_own_decode_and_encode_are_used_for_what_they_claim(own_codecs: Server) -> None:
    response = own_codecs.post(b"P5abc", "image/x-tiny", Accept="image/x-tiny")
    assert (response.content, response.headers["Content-Type"]) == (b"P5abc", "image/x-tiny")
    assert own_codecs.post(b"P5ab", "image/x-tiny", Accept="application/json").json() == [97, 98]


def test_what_a_models_own_codecs_do_not_claim_is_left_to_the_built_in_ones(own_codecs: Server) -> None:
    assert own_codecs.post([1, 2]).json() == [1, 2]


def test_a_value_error_of_a_models_own_decode_is_400(own_codecs: Server) -> None:
    problem = assert_problem(own_codecs.post(b"GIF", "image/x-tiny"), 400)
    assert problem["detail"] == "a tiny image starts with P5"


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sagemaker")
    with Server(folder, "sagemaker_functions", MODEL_SERVER_WORKERS=1) as server:
        yield server


def test_sagemakers_four_functions_work_unchanged(sagemaker: Server) -> None:
    plain = sagemaker.post([1, 2], Accept="text/plain")
    assert (plain.text, plain.headers["Content-Type"]) == ("2 4", "text/plain")
    assert sagemaker.post([1, 2]).json() == [2, 4]
    assert sagemaker.post(b"ab", "application/x-reversed").json() == [196, 194]


def test_a_type_input_fn_does_not_know_is_400_and_one_output_fn_does_not_know_406(sagemaker: Server) -> None:
    assert "text/csv is not supported" in str(assert_problem(sagemaker.post("1", "text/csv"), 400)["detail"])
    assert_problem(sagemaker.post([1], Accept="image/png"), 406)


def test_model_fn_alone_is_enough(tmp_path: Path) -> None:
    with Server(tmp_path, "sagemaker_model_fn_only", MODEL_SERVER_WORKERS=1) as server:
        assert server.post([[1, 2]]).json() == [[2, 4]]
        assert server.post("1,2\n", "text/csv").json() == [[2.0, 4.0]]


def test_transform_fn_stands_for_all_three(tmp_path: Path) -> None:
    with Server(tmp_path, "sagemaker_transform_fn", MODEL_SERVER_WORKERS=1) as server:
        assert server.post("x", "text/csv", Accept="a/b").text == "model x text/csv a/b True"


def test_the_default_accept_is_used_where_the_caller_has_none(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum", SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv") as server:
        assert server.post([[1, 2], [3, 4]]).text == "3.0\n7.0\n"
        assert server.post([[1, 2]], Accept="application/json").json() == [3.0]


def test_an_answer_as_large_as_the_limit_comes_through(describe: Server) -> None:
    body = b"[" + b"1," * 12_000_000 + b"1]"  # 24 MB in, more out
    response = requests.post(
        f"{describe.url}/invocations", data=body, headers={"Content-Type": "application/json"}, timeout=60
    )
    assert len(response.json()["value"]) == 12_000_001
