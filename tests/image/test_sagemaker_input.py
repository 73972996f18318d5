"""What SageMaker's functions get of a body, as AWS's toolkits hand it over: docs/sagemaker-scripts.md."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.sparse  # type: ignore[import-untyped]

from tests.support.server import Server, wait_until


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(
        tmp_path_factory.mktemp("told"), "sagemaker_tells_its_input", MODEL_SERVER_WORKERS=1
    ) as server:
        yield server


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(
        tmp_path_factory.mktemp("data"), "sagemaker_tells_its_data", MODEL_SERVER_WORKERS=1
    ) as server:
        yield server


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", "str"),
        ("text/csv", "str"),
        ("text/csv; charset=utf-8", "str"),
        ("text/csv; charset=latin-1", "bytes"),
        ("application/jsonlines", "bytes"),
        ("text/plain", "bytes"),
        ("text/libsvm", "bytes"),
        ("application/x-npy", "bytes"),
        ("image/jpeg", "bytes"),
        ("application/octet-stream", "bytes"),
    ],
)
def test_input_fn_gets_bytes_except_for_json_and_csv(told: Server, content_type: str, kind: str) -> None:
    assert told.post(b"[1]", content_type).json() == [kind, content_type, 3]


def test_input_fn_gets_json_without_a_content_type(told: Server) -> None:
    assert told.post(b"[1]", None).json() == ["str", "application/json", 3]
    assert told.post(b"[1]", None, ContentType="text/csv").json() == ["str", "text/csv", 3]


def test_a_body_of_text_that_is_not_utf_8_is_the_callers_mistake(told: Server) -> None:
    answer = told.post(b"\xff", "text/csv")
    assert answer.status_code == 400
    assert "byte 0" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"inputs": ["good", "bad"], "parameters": {"top_k": 1}}, "dict"),
        ([{"a": 1}, {"a": 2}], "list"),
        ([[1], [2, 3]], "list"),
        ("a text", "str"),
        (None, "NoneType"),
        (42, "ndarray"),
        ([[1.5, 2.5]], "ndarray"),
        (["good", "bad"], "ndarray"),
        ([1, 2], "ndarray"),
    ],
)
def test_json_without_input_fn_is_an_array_or_the_object(data: Server, body: object, kind: str) -> None:
    assert data.post(json.dumps(body)).json() == [kind, body]
    assert data.post(json.dumps(body), None).json() == [kind, body]


def test_a_flat_list_is_one_row_where_the_model_takes_nothing_else(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Server(tmp_path_factory.mktemp("rows"), "sagemaker_like_sklearn", MODEL_SERVER_WORKERS=1) as server:
        assert server.post([1, 2]).json() == [3]
        assert server.post([[1, 2], [3, 4]]).json() == [3, 7]
        assert server.post("1,2\n3,4\n", "text/csv", Accept="application/json").json() == [3, 7]
        refused = server.post([1, 2, 3])
        assert refused.status_code == 422
        assert "1D" in refused.json()["detail"]


def npz(**arrays: object) -> bytes:
    body = io.BytesIO()
    np.savez(body, **arrays)  # type: ignore[arg-type]
    return body.getvalue()


def test_a_sparse_matrix_in_npz_is_read(data: Server) -> None:
    body = io.BytesIO()
    scipy.sparse.save_npz(body, scipy.sparse.csr_matrix([[0, 1], [2, 0]]))
    assert data.post(body.getvalue(), "application/x-npz").json() == ["csr_matrix", [[0, 1], [2, 0]]]


def test_a_hostile_npz_is_refused(data: Server) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("data.npy", "w") as file:
        for _ in range(700):
            file.write(bytes(2**20))
    assert data.post(bomb.getvalue(), "application/x-npz").status_code == 413
    outside = npz(
        format=np.array(b"csr"),
        shape=np.array([1, 2]),
        data=np.array([1.0]),
        indices=np.array([10**6], dtype=np.int32),
        indptr=np.array([0, 1], dtype=np.int32),
    )
    pickled = npz(format=np.array(b"csr"), shape=np.array([{}], dtype=object))
    for body in (outside, pickled, b"PK\x03\x04", b"no archive", npz(a=np.array(1))):
        answer = data.post(body, "application/x-npz")
        assert answer.status_code == 400
        assert "NPZ" in answer.json()["detail"]


def test_input_fn_may_make_what_has_no_length(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Server(tmp_path_factory.mktemp("sparse"), "sagemaker_sparse_rows", MODEL_SERVER_WORKERS=1) as server:
        assert server.post(["a", "bcd"]).json() == [2, 4]
        wait_until(server.access_log, "the access log")
        assert [line["records"] for line in server.access_log() if line["path"] == "/invocations"] == [2]
