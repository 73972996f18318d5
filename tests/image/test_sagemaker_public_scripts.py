"""Scripts of the kinds that public repositories have, unchanged: tests/models/scripts.

The frameworks they need are stubs (tests/models/stubs), and of AWS's packages none is installed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import joblib  # type: ignore[import-untyped]
import numpy as np
import pytest
from sklearn.preprocessing import FunctionTransformer

from tests.support.server import MODELS, Server
from tests.support.training import Training


@contextlib.contextmanager
def serving(folder: Path, script: str) -> Iterator[Server]:
    server = Server(folder, None, MODEL_SERVER_WORKERS=1)
    model = server.ml_root / "model"
    shutil.copytree(MODELS / "stubs", model / "code", dirs_exist_ok=True)
    shutil.copy(MODELS / "scripts" / f"{script}.py", model / "code" / "inference.py")
    joblib.dump(FunctionTransformer(np.square, validate=True), model / "model.joblib")
    (model / "model.pth").write_text("2.0")
    (model / "xgboost-model").write_text("0.5")
    with server:
        yield server


def test_none_of_awss_packages_is_installed() -> None:
    for name in ("sagemaker_inference", "sagemaker_containers", "sagemaker_xgboost_container", "mms"):
        assert importlib.util.find_spec(name) is None


def test_sklearn_with_a_response(tmp_path: Path) -> None:
    with serving(tmp_path, "sklearn_with_a_response") as server:
        answer = server.post("1,2\n3,4\n", "text/csv", Accept="application/json")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json() == {"instances": [{"features": [1, 4]}, {"features": [9, 16]}]}
        text = server.post("1,2\n3,4\n", "text/csv", Accept="text/csv")
        assert text.headers["Content-Type"].startswith("text/csv")
        assert text.text in ("1,4\n9,16\n", "1.0,4.0\n9.0,16.0\n")
        assert server.post("[1]", "application/json").status_code == 400


def test_sklearn_that_returns_an_object(tmp_path: Path) -> None:
    with serving(tmp_path, "sklearn_dict_out") as server:
        assert server.post({"instances": [[1, 2], [3, 4]]}).json() == {"predictions": [[1, 4], [9, 16]]}


def test_sklearn_with_model_fn_only(tmp_path: Path) -> None:
    with serving(tmp_path, "sklearn_model_fn_only") as server:
        assert server.post([[1, 2], [3, 4]], Accept="application/json").json() == [[1, 4], [9, 16]]
        assert server.post("1,2\n", "text/csv", Accept="text/csv").text == "1.0,4.0\n"


def test_the_inference_toolkits_decoder_and_encoder(tmp_path: Path) -> None:
    with serving(tmp_path, "toolkit_decoder_and_encoder") as server:
        assert server.post([[1, 2]]).json() == [[1, 4]]
        csv = server.post("1,2\n3,4\n", "text/csv", Accept="text/csv")
        assert (csv.text, csv.headers["Content-Type"]) == ("1.0,4.0\n9.0,16.0\n", "text/csv")
        assert server.post(b"x", "image/png").status_code == 415
        assert server.post([[1, 2]], Accept="image/png").status_code == 406


def test_pytorch_on_images(tmp_path: Path) -> None:
    with serving(tmp_path, "pytorch_image") as server:
        assert server.post(b"\x01\x02", "image/jpeg").json() == [[2.0, 4.0]]
        assert server.post({"pixels": [1, 2, 3]}).json() == [[2.0, 4.0, 6.0]]
        assert server.post(b"x", "image/png").status_code == 500
        assert "loaded on None" in server.stdout


def test_pytorch_with_transform_fn(tmp_path: Path) -> None:
    with serving(tmp_path, "pytorch_transform_fn") as server:
        assert server.post([1, 2], None).json() == {"scores": [2.0, 4.0], "accept": "application/json"}


def test_hugging_face_with_predict_fn(tmp_path: Path) -> None:
    with serving(tmp_path, "hf_predict_fn") as server:
        answer = server.post({"inputs": ["abc"], "parameters": {"top_k": 3}})
        assert answer.json() == [{"label": "text-classification", "score": 0.25, "top_k": 3}]


def test_hugging_face_with_its_decoder_and_encoder(tmp_path: Path) -> None:
    with serving(tmp_path, "hf_decoder_encoder") as server:
        expected = [{"label": "sentiment", "score": 0.25, "top_k": 1}]
        assert server.post({"inputs": "abc"}).json() == expected
        assert server.post("inputs\nabc\n", "text/csv", Accept="application/json").json() == expected
        assert (
            server.post({"inputs": "abc"}, Accept="text/csv").text == "label,score,top_k\nsentiment,0.25,1\n"
        )
        refused = server.post({"texts": "abc"})
        assert (refused.status_code, refused.json()["detail"]) == (400, "Give inputs.")


def test_xgboost_on_libsvm_and_csv(tmp_path: Path) -> None:
    with serving(tmp_path, "xgboost_libsvm") as server:
        assert server.post("0 0:1 2:3\n1 1:4\n", "text/libsvm", Accept="application/json").json() == [
            2.0,
            2.0,
        ]
        assert server.post("1,2\n3,5\n", "text/csv", Accept="text/csv").text == "1.5,4.0"
        assert server.post("1,2", "text/csv").json() == [1.5]


def test_a_handler_of_multi_model_server(tmp_path: Path) -> None:
    with serving(tmp_path, "handler_of_mms") as server:
        assert server.post([1, 2]).json() == {"scores": [2.0, 4.0]}
        assert server.post([1, 2], None).json() == {"scores": [2.0, 4.0]}


def test_a_class_as_handler(tmp_path: Path) -> None:
    with serving(tmp_path, "handler_class") as server:
        answer = server.post(b"abc", "application/octet-stream")
        assert (answer.status_code, answer.content) == (201, b"cba")
        assert answer.headers["Content-Type"] == "application/x-mine"


@pytest.mark.parametrize("name", ["argparse_and_training", "argparse_and_training.py"])
def test_one_file_trains_and_serves(tmp_path: Path, name: str) -> None:
    job = Training(tmp_path, None, SAGEMAKER_PROGRAM=name)
    job.program("argparse_and_training.py", (MODELS / "scripts" / "argparse_and_training.py").read_text())
    assert job.run().code == 0
    server = Server(tmp_path, None, MODEL_SERVER_WORKERS=1, SAGEMAKER_PROGRAM=name)
    shutil.copy(MODELS / "scripts" / "argparse_and_training.py", server.ml_root / "model" / "code")
    with server:
        assert server.post([[1, 2]]).json() == [9]


def test_a_package_of_ones_own_takes_the_place_of_a_stand_in(tmp_path: Path) -> None:
    server = Server(tmp_path, None, MODEL_SERVER_WORKERS=1)
    code = server.ml_root / "model" / "code"
    (code / "sagemaker_inference").mkdir()
    (code / "sagemaker_inference" / "__init__.py").write_text("")
    (code / "sagemaker_inference" / "encoder.py").write_text("def encode(value, kind): return 'mine'\n")
    (code / "inference.py").write_text(
        "from sagemaker_inference import encoder\nfrom sagemaker_containers.beta.framework import encoders\n"
        "def model_fn(d): return encoders.encode([1], 'application/json')\n"
        "def predict_fn(data, model): return [model, encoder.encode(1, '')]\n"
    )
    with server:
        assert server.post([1]).json() == ["[1]", "mine"]


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("def handle(data, context): return None if data is None else 'text'\n", "handle() returned str"),
        ("def handle(data, context): return None if data is None else []\n", "handle() returned a list of 0"),
    ],
)
def test_a_handler_that_returns_no_list_has_failed(tmp_path: Path, script: str, what: str) -> None:
    server = Server(tmp_path, None, MODEL_SERVER_WORKERS=1)
    (server.ml_root / "model" / "code" / "inference.py").write_text(script)
    with server:
        assert server.post([1]).status_code == 500
        assert f"{what}: it must return a list with one answer" in server.stderr


def test_several_handlers_in_a_file_do_not_start(tmp_path: Path) -> None:
    server = Server(tmp_path, None, wait=False, MODEL_SERVER_WORKERS=1)
    (server.ml_root / "model" / "code" / "inference.py").write_text(
        "class A:\n    def handle(self, data, context): pass\nclass B(A): pass\n"
    )
    with server:
        assert server.wait_exit() == 3
        assert "it has several handlers: A, B." in server.stderr
