"""What train() and a program are told: channels, hyperparameters, SM_* variables (D2 to D5, D9)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.training import environment, inputs
from tests.support.training import Training

HYPERPARAMETERS = {
    "epochs": "5",
    "rate": "0.1",
    "shuffle": "true",
    "layers": "[64, 32]",
    "optimizer": "adam",
    "quoted": '"5"',
    "limit": "NaN",
    "sagemaker_region": '"eu-west-1"',
}


def file_channel(**more: str) -> dict[str, str]:
    return {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", **more}


def test_train_is_called_with_channels_typed_hyperparameters_and_the_model_directory(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    job.config("hyperparameters", HYPERPARAMETERS)
    job.config("inputdataconfig", {"training": file_channel(NewKey="x"), "extra": file_channel()})
    training, extra = job.channel("training"), job.channel("extra")
    unlisted = job.channel("not_on_the_list")

    done = job.run()

    assert (done.code, done.failure) == (0, "")
    assert done.stderr.startswith(f"train: warning: the folder {unlisted} is no channel")
    report = job.report()
    assert report["channels"] == {"extra": str(extra), "training": str(training)}
    assert report["hyperparameters"] == {
        "epochs": 5,
        "rate": 0.1,
        "shuffle": True,
        "layers": [64, 32],
        "optimizer": "adam",
        "quoted": "5",
        "limit": "NaN",
    }
    assert report["model_dir"] == str(job.model_dir)
    assert report["folder"] == str(job.program_dir)
    assert report["own_session"] is True


def test_it_trains_with_no_input_at_all(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    assert job.run().code == 0
    report = job.report()
    assert (report["channels"], report["hyperparameters"]) == ({}, {})
    assert json.loads(report["environment"]["SM_HOSTS"]) == [report["environment"]["SM_CURRENT_HOST"]]


def test_without_inputdataconfig_every_folder_is_a_channel(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    paths = {name: str(job.channel(name)) for name in ("training", "validation")}
    (job.ml_root / "input" / "data" / "a-file").touch()
    assert job.run().code == 0
    assert job.report()["channels"] == paths


def test_a_pipe_channel_is_the_stem_of_its_fifos(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    job.config("inputdataconfig", {"training": {"TrainingInputMode": "Pipe"}})
    assert job.run().code == 0
    assert job.report()["channels"] == {"training": str(job.ml_root / "input" / "data" / "training")}


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_a_missing_channel_folder_is_named(tmp_path: Path, mode: str) -> None:
    job = Training(tmp_path, "train_reports")
    job.config("inputdataconfig", {"training": {"TrainingInputMode": mode}})
    done = job.run()
    assert done.code == 2
    assert done.failure.startswith("channel 'training': ")
    assert f"there is no folder {job.ml_root / 'input' / 'data' / 'training'}" in done.failure
    assert done.failure in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "where", "what"),
    [
        ("hyperparameters", b'{"a": "1",\n "b" "2"}', "hyperparameters.json line 2 column 6", "delimiter"),
        ("hyperparameters", b"", "hyperparameters.json line 1 column 1", "not valid JSON"),
        ("hyperparameters", b'["a"]', "hyperparameters.json", "holds no JSON object"),
        ("hyperparameters", b'{"a": "\xff"}', "hyperparameters.json", "can't decode byte"),
        ("inputdataconfig", b"{", "inputdataconfig.json line 1 column 2", "not valid JSON"),
        ("resourceconfig", b"{,}", "resourceconfig.json line 1 column 2", "not valid JSON"),
        ("resourceconfig", b'{"a":' * 100_000, "resourceconfig.json", "cannot be read"),
    ],
)
def test_a_malformed_file_is_named_with_line_and_column(
    tmp_path: Path, name: str, content: bytes, where: str, what: str
) -> None:
    job = Training(tmp_path, "train_reports")
    job.config(name, content)
    done = job.run()
    assert done.code == 2
    assert f"{where}: " in done.failure
    assert what in done.failure
    assert done.failure in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("null", None),
        ('{"a": [1]}', {"a": [1]}),
        ("", ""),
        ("007", "007"),
        ("True", "True"),
        ("Infinity", "Infinity"),
        ("[1, NaN]", "[1, NaN]"),
        ("1e999", "1e999"),
        ("[" * 2500, "[" * 2500),
        (7, 7),
        (None, None),
        (["a"], ["a"]),
    ],
)
def test_a_hyperparameter_is_what_its_text_means_as_json_or_the_text(text: Any, value: Any) -> None:
    typed = inputs.typed(text)
    assert typed == value
    assert type(typed) is type(value)


def test_every_sm_variable_that_scripts_expect_is_set(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports", LOG_LEVEL="WARNING")
    job.config("hyperparameters", HYPERPARAMETERS)
    job.config("inputdataconfig", {"training": file_channel(), "Extra-1": file_channel()})
    job.channel("training")
    job.channel("Extra-1")
    resources = {
        "current_host": "algo-2",
        "hosts": ["algo-1", "algo-2"],
        "network_interface_name": "eth1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "b",
        "instance_groups": [
            {"instance_group_name": "a", "instance_type": "ml.m5.large", "hosts": ["algo-1"]},
            {"instance_group_name": "b", "instance_type": "ml.m5.large", "hosts": ["algo-2"]},
        ],
        "topology": {"unknown": True},
    }
    job.config("resourceconfig", resources)
    assert job.run().code == 0

    variables = job.report()["environment"]
    root = job.ml_root
    assert {n: variables[n] for n in variables if n.startswith("SM_HP_")} == {
        "SM_HP_EPOCHS": "5",
        "SM_HP_RATE": "0.1",
        "SM_HP_SHUFFLE": "true",
        "SM_HP_LAYERS": "[64,32]",
        "SM_HP_OPTIMIZER": "adam",
        "SM_HP_QUOTED": "5",
        "SM_HP_LIMIT": "NaN",
    }
    plain = {
        "SM_MODEL_DIR": f"{root}/model",
        "SM_CHANNEL_TRAINING": f"{root}/input/data/training",
        "SM_CHANNEL_EXTRA-1": f"{root}/input/data/Extra-1",
        "SM_INPUT_DIR": f"{root}/input",
        "SM_INPUT_CONFIG_DIR": f"{root}/input/config",
        "SM_OUTPUT_DIR": f"{root}/output",
        "SM_OUTPUT_DATA_DIR": f"{root}/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": f"{root}/output/intermediate",
        "SM_CURRENT_HOST": "algo-2",
        "SM_NETWORK_INTERFACE_NAME": "eth1",
        "SM_CURRENT_INSTANCE_TYPE": "ml.m5.large",
        "SM_CURRENT_INSTANCE_GROUP": "b",
        "SM_IS_HETERO": "true",
        "SM_LOG_LEVEL": "30",
        "SM_MODULE_DIR": str(job.program_dir),
        "SM_MODULE_NAME": "model",
        "SM_USER_ENTRY_POINT": "model.py",
    }
    assert {name: variables[name] for name in plain} == plain
    as_json = {
        "SM_CHANNELS": ["Extra-1", "training"],
        "SM_HOSTS": ["algo-1", "algo-2"],
        "SM_CURRENT_INSTANCE_GROUP_HOSTS": ["algo-2"],
        "SM_INSTANCE_GROUPS": ["a", "b"],
        "SM_RESOURCE_CONFIG": resources,
        "SM_INPUT_DATA_CONFIG": {"training": file_channel(), "Extra-1": file_channel()},
        "SM_FRAMEWORK_PARAMS": {"sagemaker_region": "eu-west-1"},
        "SM_HPS": job.report()["hyperparameters"],
    }
    assert {name: json.loads(variables[name]) for name in as_json} == as_json
    assert int(variables["SM_NUM_CPUS"]) >= 1
    assert int(variables["SM_NUM_GPUS"]) >= 0
    assert json.loads(variables["SM_USER_ARGS"])[:2] == ["--epochs", "5"]
    described = json.loads(variables["SM_TRAINING_ENV"])
    assert described["channel_input_dirs"]["training"] == f"{root}/input/data/training"
    assert described["hyperparameters"] == job.report()["hyperparameters"]


def test_sm_model_dir_moves_the_model(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    job = Training(tmp_path, "train_reports", SM_MODEL_DIR=elsewhere)
    assert job.run().code == 0
    report = json.loads((elsewhere / "report.json").read_text())
    assert report["model_dir"] == report["environment"]["SM_MODEL_DIR"] == str(elsewhere)


def test_as_many_and_as_long_hyperparameters_as_a_job_may_have(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    values = {f"name-{number}": "x" * 2500 for number in range(100)}
    job.config("hyperparameters", values)
    done = job.run()
    assert done.code == 0
    assert job.report()["hyperparameters"] == values
    assert "SM_HPS is longer than an environment variable can be" in done.stderr
    assert "SM_HPS" not in job.report()["environment"]
    assert job.report()["environment"]["SM_HP_NAME-99"] == "x" * 2500


def test_arguments_are_spelt_as_scripts_for_aws_containers_read_them() -> None:
    values = {"rate": 0.1, "b": 8, "shuffle": True, "name": None, "layers": [1, 2], "map": {"y": 2, "x": 1}}
    words = "-b|8|--layers|[1, 2]|--map|x=1,y=2|--name||--rate|0.1|--shuffle|True"
    assert environment.arguments(values) == words.split("|")


def test_a_hyperparameter_no_process_can_be_given_is_refused(tmp_path: Path) -> None:
    job = Training(tmp_path, "train_reports")
    job.config("hyperparameters", {"name": '"a\\u0000b"'})
    done = job.run()
    assert done.code == 2
    assert "null" in done.failure


def test_a_malformed_setting_stops_it(tmp_path: Path) -> None:
    done = Training(tmp_path, "train_reports", SM_MODEL_DIR="model").run()
    assert done.code == 2
    assert "SM_MODEL_DIR: 'model' is not allowed." in done.stderr


def test_read_gives_the_channels_in_order_of_name(tmp_path: Path) -> None:
    """SM_CHANNELS and the order of the dictionary are the same on every host of a job."""
    for name in ("b", "a", "c"):
        (tmp_path / "input" / "data" / name).mkdir(parents=True)
    assert list(inputs.read(tmp_path).channels) == ["a", "b", "c"]
