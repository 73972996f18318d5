"""The contexts of multi-model-server and TorchServe, which scripts take as one more argument."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore_runtime import machine
from longshore_runtime.runners.model import flask_context
from tests.support.server import CHECKOUT, Server


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sets")
    with Server(folder, "sagemaker_context_sets_the_answer", MODEL_SERVER_WORKERS=1) as server:
        yield server


def test_a_context_has_what_the_toolkits_contexts_have(tmp_path: Path) -> None:
    server = Server(tmp_path, "sagemaker_context", MODEL_SERVER_WORKERS=1)
    manifest = server.ml_root / "model" / "MAR-INF" / "MANIFEST.json"
    manifest.parent.mkdir()
    manifest.write_text(json.dumps({"model": {"modelName": "mine"}}))
    with server:
        headers = {"X_Amzn_SageMaker_Custom_Attributes": "tenant=7", "X_Amzn_SageMaker_Inference_Id": "id-1"}
        answer = server.post([1], Accept="application/json", **headers).json()
        logged = [line for line in server.log() if line.get("metric") == "Decode"]
    assert answer == {
        "model": {
            "gpu_id": 0 if machine.gpus() else None,
            "batch_size": 1,
            "server_name": "Longshore",
            "manifest": {"model": {"modelName": "mine"}},
            "model_name": "model",
            "exists": True,
        },
        "attributes": ["tenant=7"] * 3,
        "accept": "application/json",
        "missing": [None, False, None],
        "request_id": ["id-1"] * 3,
        "status": [200, ""],
    }
    assert [(line["value"], line["unit"], line["request_id"]) for line in logged] == [(3, "ms", "id-1")]


def test_a_context_sets_the_answers_status_type_and_headers(sets: Server) -> None:
    assert sets.post({"way": "status"}).status_code == 202
    assert sets.post({"way": "older status"}).status_code == 404
    report = sets.post({"way": "report"})
    assert (report.status_code, report.headers["X-Reason"], report.json()) == (
        503,
        "cold",
        {"set": {"X-Reason": "cold"}},
    )
    assert sets.post({"way": "type"}).headers["Content-Type"] == "application/x-mine"
    headers = sets.post({"way": "headers"})
    assert headers.headers["X-Model-Version"] == "7"
    assert headers.headers["Content-Type"] == "text/x-mine"
    assert headers.json() == {"set": {"X-Model-Version": "7", "content-type": "text/x-mine"}}
    usual = sets.post({"way": ""})
    assert (usual.status_code, usual.headers["Content-Type"]) == (200, "application/json")


def test_a_status_that_http_does_not_have_is_the_models_failure(sets: Server) -> None:
    assert sets.post({"way": "no status"}).status_code == 500
    assert "42 is not the status of an answer" in sets.stderr


def test_only_a_parameter_that_is_a_context_gets_one(tmp_path: Path) -> None:
    with Server(tmp_path, "sagemaker_parameters_of_its_own", MODEL_SERVER_WORKERS=1) as server:
        assert server.post([1]).json() == ["Context", "model.bin", 0.5, "Context"]


def test_the_functions_around_model_fn_are_called(tmp_path: Path) -> None:
    with Server(tmp_path, "sagemaker_warms_up", MODEL_SERVER_WORKERS=1) as server:
        assert server.post([1]).json() == [["pre", True], "load", "warm"]


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_flask_request_is_that_of_the_request_in_every_function(tmp_path: Path, worker_class: str) -> None:
    with Server(
        tmp_path, "sagemaker_flask_request", MODEL_SERVER_WORKERS=1, MODEL_SERVER_WORKER_CLASS=worker_class
    ) as server:
        for tenant in ("a", "b"):
            for body in ([1], [1] * 300_000):  # the short way and gunicorn's
                assert (
                    server.post(body, X_Tenant=tenant).json() == [[tenant, "POST", "/invocations", True]] * 3
                )


def test_flask_request_and_a_status_work_in_functions_of_ours(tmp_path: Path) -> None:
    with Server(tmp_path, "flask_request_in_predict", MODEL_SERVER_WORKERS=1) as server:
        answer = server.post([1], X_Tenant="a")
        assert (answer.status_code, answer.json()) == (202, "a")


def test_a_model_file_that_does_not_import_flask_is_called_without_its_context(tmp_path: Path) -> None:
    model = tmp_path / "model.py"
    model.write_text('"""It does not import flask."""\nimport flaskish_name as flask\n')
    assert not flask_context.wanted(model)
    model.write_text("def predict(model, data):\n    from flask import request\n    return request\n")
    assert flask_context.wanted(model)
    assert not flask_context.wanted(CHECKOUT / "container" / "model.py")
