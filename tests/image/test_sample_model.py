"""The shipped model.py: it trains on the real iris data, and serves what it trained."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets

from longshore_runtime import usercode
from longshore_runtime.runners.model import decoding
from tests.support.sample import PAYLOAD, SAMPLE, TEST_DIR
from tests.support.server import CHECKOUT
from tests.support.training import Training

model = usercode.load_module(SAMPLE / "container" / "model.py")
IRIS = TEST_DIR / "input" / "data" / "training" / "iris.csv"


def laid_out(folder: Path) -> Training:
    job = Training(folder, "sample")
    shutil.copytree(TEST_DIR / "input", job.ml_root / "input")
    return job


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    job = laid_out(tmp_path_factory.mktemp("sample"))
    done = job.run()
    assert done.code == 0, done.stderr
    assert (done.stderr, done.failure) == ("", "")
    accuracy = re.search(r"validation:accuracy=([0-9.]+)", done.stdout)
    assert accuracy
    assert 0.9 <= float(accuracy[1]) < 1
    assert [file.name for file in job.model_dir.iterdir()] == ["model.skops"]
    return model.load(job.model_dir)


def test_the_data_is_the_real_iris_data() -> None:
    iris = sklearn.datasets.load_iris()
    with IRIS.open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == [iris.target_names[target] for target in iris.target]
    assert np.array_equal(np.array([row[1:] for row in rows], dtype=float), iris.data)


def test_it_names_flowers_from_csv_and_from_both_shapes_of_json(trained: Any) -> None:
    table = np.loadtxt(PAYLOAD, delimiter=",")
    sent = json.loads(PAYLOAD.with_suffix(".json").read_text())
    expected = ["setosa", "virginica", "versicolor"]
    for data in (table, sent, sent["instances"]):
        assert model.predict(trained, data).tolist() == expected


def test_its_example_is_a_request_that_it_answers(trained: Any) -> None:
    body, content_type = model.example
    assert model.predict(trained, decoding.decode(body.encode(), content_type).data).tolist() == ["setosa"]


def test_it_tells_most_flowers_of_the_data_right(trained: Any) -> None:
    iris = sklearn.datasets.load_iris()
    assert np.mean(model.predict(trained, iris.data) == iris.target_names[iris.target]) >= 0.9


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((2, 3)),
        np.zeros((2, 5)),
        [[5.1, 3.5, 1.4]],
        [[5.1, 3.5, 1.4, 0.2], [1.0]],
        [5.1, 3.5, 1.4, 0.2],
        [["a", "b", "c", "d"]],
        [],
        {"rows": [[5.1, 3.5, 1.4, 0.2]]},
        {"instances": None},
        None,
        "5.1,3.5,1.4,0.2",
    ],
)
def test_anything_but_rows_of_four_numbers_is_a_valueerror_that_says_what_to_send(
    trained: Any, data: Any
) -> None:
    with pytest.raises(ValueError, match="Send rows of 4 numbers: sepal length and width, petal length"):
        model.predict(trained, data)


def test_a_hyperparameter_changes_the_tree(tmp_path: Path, trained: Any) -> None:
    assert trained.get_n_leaves() == 5
    job = laid_out(tmp_path)
    job.config("hyperparameters", {"max_leaf_nodes": "2"})
    assert job.run().code == 0
    assert model.load(job.model_dir).get_n_leaves() == 2


@pytest.mark.parametrize(
    ("hyperparameters", "what"),
    [
        ({"max_leaf_node": "5"}, "unexpected keyword argument 'max_leaf_node'"),
        ({"max_leaf_nodes": "many"}, "The 'max_leaf_nodes' parameter of DecisionTreeClassifier must be"),
    ],
)
def test_a_wrong_hyperparameter_fails_the_training_by_name(
    tmp_path: Path, hyperparameters: dict[str, str], what: str
) -> None:
    job = laid_out(tmp_path)
    job.config("hyperparameters", hyperparameters)
    done = job.run()
    assert done.code == 1
    assert what in done.failure


def test_a_channel_without_data_fails_the_training_by_name(tmp_path: Path) -> None:
    job = laid_out(tmp_path)
    (job.ml_root / "input" / "data" / "training" / "iris.csv").unlink()
    done = job.run()
    assert done.code == 1
    assert done.failure.startswith("FileNotFoundError: there is no .csv file in ")


def test_several_files_are_one_table(tmp_path: Path) -> None:
    job = laid_out(tmp_path)
    file = job.ml_root / "input" / "data" / "training" / "iris.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.with_name("part1.csv").write_text("".join(lines[:80]))
    file.with_name("part2.csv").write_text("".join(lines[80:]))
    file.unlink()
    assert job.run().code == 0
    assert model.load(job.model_dir).classes_.tolist() == ["setosa", "versicolor", "virginica"]


def test_the_template_ships_the_sample() -> None:
    """The two copies must be equal, unless model.py is the user's own."""
    shipped = CHECKOUT / "container" / "model.py"
    sampled = SAMPLE / "container" / "model.py"
    if shipped.read_text().partition("\n")[0] != sampled.read_text().partition("\n")[0]:
        pytest.skip("container/model.py is not the shipped sample")
    for path in SAMPLE.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert (CHECKOUT / path.relative_to(SAMPLE)).read_bytes() == path.read_bytes(), path
