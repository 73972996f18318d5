"""Training jobs: what the container gets, what becomes of what it leaves, what boto3 is told meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.emulator import EmulatorProcess
from tests.support.jobs import TRAINING_LOGS, archive, channel, told, train


def test_a_job_goes_through_its_statuses_to_a_model(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"train/a.csv": b"1,2\n", "train/deep/b.csv": b"3,4\n", "train2.csv": b"5,6\n"})
    arn = train(
        emulator,
        name,
        "tells_what_it_got.py",
        HyperParameters={"epochs": "2", "odd": '"ü\n'},
        InputDataConfig=[
            channel("train", f"s3://{name}/train/", ContentType="text/csv"),
            channel("one", f"s3://{name}/train2.csv", InputMode="FastFile"),
        ],
        Environment={"MINE": "yes"},
        AlgorithmSpecification={
            "MetricDefinitions": [
                {"Name": "loss", "Regex": "loss=([0-9.]+)"},
                {"Name": "validation:accuracy", "Regex": r"accuracy=(\S+)"},
            ]
        },
    )
    job = emulator.ended("Training", name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert job["TrainingJobArn"] == arn == f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
    transitions = job["SecondaryStatusTransitions"]
    assert [one["Status"] for one in transitions] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert all(one["StartTime"] <= one["EndTime"] and one["StatusMessage"] for one in transitions)
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] > 0
    assert {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]} == pytest.approx(
        {"loss": 0.25, "validation:accuracy": 0.7}
    )
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{name}/out/{name}/output/model.tar.gz"

    seen = told(archive(emulator, name, f"out/{name}/output/model.tar.gz")["algo-1.json"])
    files = seen["input"]
    assert files["data/train/a.csv"] == "1,2\n" and files["data/train/deep/b.csv"] == "3,4\n"
    assert files["data/one/train2.csv"] == "5,6\n"
    assert json.loads(files["config/hyperparameters.json"]) == {"epochs": "2", "odd": '"ü\n'}
    assert json.loads(files["config/inputdataconfig.json"])["train"] == {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        "ContentType": "text/csv",
    }
    assert json.loads(files["config/resourceconfig.json"]) == {
        "current_host": "algo-1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [
            {
                "instance_group_name": "homogeneousCluster",
                "instance_type": "ml.m5.large",
                "hosts": ["algo-1"],
            }
        ],
        "network_interface_name": "lo",
    }
    assert seen["argv"] == ["train"]
    assert seen["environment"]["TRAINING_JOB_NAME"] == name and seen["environment"]["TRAINING_JOB_ARN"] == arn
    assert seen["environment"]["MINE"] == "yes"
    assert set(archive(emulator, name, f"out/{name}/output/output.tar.gz")) == {"algo-1.json", "who"}

    (stream,) = emulator.log_lines(TRAINING_LOGS, f"{name}/").items()
    assert stream[0].startswith(f"{name}/algo-1-")
    assert sorted(stream[1]) == ["loss=0.25; accuracy=none", "loss=0.5; accuracy=0.7", "to stderr"]
    measured = emulator.client("cloudwatch").list_metrics(
        Namespace=TRAINING_LOGS, Dimensions=[{"Name": "TrainingJobName", "Value": name}]
    )["Metrics"]
    assert {metric["MetricName"] for metric in measured} == {"loss", "validation:accuracy"}


def test_several_hosts_know_each_other_and_share_what_is_sharded(
    emulator: EmulatorProcess, name: str
) -> None:
    emulator.put(name, **{f"all/{number}": b"x" for number in range(3)})
    train(
        emulator,
        name,
        "tells_what_it_got.py",
        ResourceConfig={
            "VolumeSizeInGB": 1,
            "InstanceGroups": [
                {"InstanceGroupName": "first", "InstanceType": "ml.m5.large", "InstanceCount": 1},
                {"InstanceGroupName": "rest", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2},
            ],
        },
        InputDataConfig=[
            channel("every", f"s3://{name}/all/"),
            channel(
                "part",
                f"s3://{name}/all/",
                S3DataDistributionType="ShardedByS3Key",
                InstanceGroupNames=["rest"],
            ),
        ],
    )
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    model = archive(emulator, name, f"out/{name}/output/model.tar.gz")
    assert model["who"] == b"algo-1"
    parts = {}
    for host in ("algo-1", "algo-2", "algo-3"):
        files = told(model[f"{host}.json"])["input"]
        resources = json.loads(files["config/resourceconfig.json"])
        assert resources["current_host"] == host
        assert resources["hosts"] == ["algo-1", "algo-2", "algo-3"]
        assert resources["current_group_name"] == ("first" if host == "algo-1" else "rest")
        assert sum(path.startswith("data/every/") for path in files) == 3
        parts[host] = {path for path in files if path.startswith("data/part/")}
    assert parts == {
        "algo-1": set(),
        "algo-2": {"data/part/0", "data/part/2"},
        "algo-3": {"data/part/1"},
    }
    assert len(emulator.log_lines(TRAINING_LOGS, f"{name}/")) == 3


def test_a_manifest_names_the_objects(emulator: EmulatorProcess, name: str) -> None:
    manifest = json.dumps([{"prefix": f"s3://{name}/data/"}, "b/1.csv", "2.csv"]).encode()
    emulator.put(name, **{"m.json": manifest, "data/b/1.csv": b"1", "data/2.csv": b"2", "data/3.csv": b"3"})
    train(
        emulator,
        name,
        "tells_what_it_got.py",
        InputDataConfig=[channel("c", f"s3://{name}/m.json", S3DataType="ManifestFile")],
    )
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    files = told(archive(emulator, name, f"out/{name}/output/model.tar.gz")["algo-1.json"])["input"]
    assert {path for path in files if path.startswith("data/")} == {"data/c/b/1.csv", "data/c/2.csv"}


def test_a_model_may_be_left_uncompressed(emulator: EmulatorProcess, name: str) -> None:
    output = {"S3OutputPath": f"s3://{name}/out", "CompressionType": "NONE"}
    train(emulator, name, "tells_what_it_got.py", OutputDataConfig=output)
    job = emulator.ended("Training", name)
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{name}/out/{name}/output/model/"
    assert emulator.get(name, f"out/{name}/output/model/who") == b"algo-1"


def test_entrypoint_and_arguments_replace_train(emulator: EmulatorProcess, name: str) -> None:
    algorithm: dict[str, Any] = {
        "ContainerEntrypoint": ["sh", "-c", 'echo "$0 $1" > "$ML_ROOT/model/said"', "one"],
        "ContainerArguments": ["two"],
    }
    train(emulator, name, "tells_what_it_got.py", AlgorithmSpecification=algorithm)
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    assert archive(emulator, name, f"out/{name}/output/model.tar.gz") == {"said": b"one two\n"}
