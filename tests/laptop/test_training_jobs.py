"""Training jobs: what the container gets, what becomes of what it leaves, what boto3 is told meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.jobs import archive, channel, told, train
from tests.support.server import wait_until

GROUP = "/aws/sagemaker/TrainingJobs"


def running(emulator: EmulatorProcess, name: str) -> None:
    """Wait until the program has said that it runs."""
    wait_until(
        lambda: any("running" in lines for lines in emulator.log_lines(GROUP, f"{name}/").values()), "it runs"
    )


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

    (stream,) = emulator.log_lines(GROUP, f"{name}/").items()
    assert stream[0].startswith(f"{name}/algo-1-")
    assert sorted(stream[1]) == ["loss=0.25; accuracy=none", "loss=0.5; accuracy=0.7", "to stderr"]
    measured = emulator.client("cloudwatch").list_metrics(
        Namespace=GROUP, Dimensions=[{"Name": "TrainingJobName", "Value": name}]
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
    assert len(emulator.log_lines(GROUP, f"{name}/")) == 3


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


def test_a_failure_is_told_in_the_containers_words(emulator: EmulatorProcess, name: str) -> None:
    train(emulator, name, "fails.py")
    job = emulator.ended("Training", name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    reason = job["FailureReason"]
    assert reason.startswith("AlgorithmError: The data is bad: ää") and reason.endswith("ä, exit code: 3")
    assert len(reason) == 1024
    assert emulator.keys(name) == [f"out/{name}/output/output.tar.gz"]


def test_without_a_failure_file_the_last_lines_tell_the_failure(emulator: EmulatorProcess, name: str) -> None:
    train(emulator, name, "fails.py", HyperParameters={"silent": "yes"})
    assert emulator.ended("Training", name)["FailureReason"] == "AlgorithmError: cannot go on, exit code: 3"


def test_a_stopped_job_keeps_what_it_saved(emulator: EmulatorProcess, name: str) -> None:
    train(emulator, name, "waits_to_be_stopped.py")
    running(emulator, name)
    sagemaker = emulator.client("sagemaker")
    sagemaker.stop_training_job(TrainingJobName=name)
    assert emulator.described("Training", name)["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = emulator.ended("Training", name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert [one["Status"] for one in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped",
    ]  # fmt: skip
    assert archive(emulator, name, f"out/{name}/output/model.tar.gz") == {"weights": b"half"}
    with pytest.raises(ClientError, match=r"\(ValidationException\).*the training job is in status Stopped"):
        sagemaker.stop_training_job(TrainingJobName=name)


def test_a_job_that_runs_too_long_is_stopped(emulator: EmulatorProcess, name: str) -> None:
    train(emulator, name, "waits_to_be_stopped.py", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = emulator.ended("Training", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert archive(emulator, name, f"out/{name}/output/model.tar.gz") == {"weights": b"half"}


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(emulator: EmulatorProcess, name: str) -> None:
    train(
        emulator,
        name,
        "waits_to_be_stopped.py",
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
        CheckpointConfig={"S3Uri": f"s3://{name}/checkpoints"},
    )
    running(emulator, name)
    assert emulator.page(f"/_longshore/interrupt?job={name}").status_code == 200
    job = emulator.ended("Training", name)
    assert job["TrainingJobStatus"] == "Completed"
    assert [one["Status"] for one in job["SecondaryStatusTransitions"]] == [
        "Starting", "Downloading", "Training", "Interrupted",
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    assert emulator.get(name, "checkpoints/state") == b"half"
    assert archive(emulator, name, f"out/{name}/output/model.tar.gz") == {"weights": b"half and whole"}


def test_checkpoints_come_and_go(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"ck/deep/old": b"epoch 1", "ckelse": b"not one"})
    train(emulator, name, "tells_what_it_got.py", CheckpointConfig={"S3Uri": f"s3://{name}/ck"})
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    seen = told(archive(emulator, name, f"out/{name}/output/model.tar.gz")["algo-1.json"])
    assert seen["checkpoints"] == {"deep/old": "epoch 1"}
    assert emulator.get(name, "ck/state") == b"epoch 2"


def test_checkpoints_may_lie_below_the_root(emulator: EmulatorProcess, name: str) -> None:
    """As simple-sagemaker has them, on a machine that has no such folder."""
    algorithm: dict[str, Any] = {"ContainerEntrypoint": ["sh", "-c", "echo 1 > /longshore-state/epoch"]}
    checkpoints = {"S3Uri": f"s3://{name}/ck", "LocalPath": "/longshore-state"}
    train(
        emulator,
        name,
        "tells_what_it_got.py",
        AlgorithmSpecification=algorithm,
        CheckpointConfig=checkpoints,
    )
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    assert emulator.get(name, "ck/epoch") == b"1\n"


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


def test_an_image_that_is_not_there_fails_the_job(emulator: EmulatorProcess, name: str) -> None:
    train(emulator, name, "no_such_program.py")
    reason = emulator.ended("Training", name)["FailureReason"]
    assert reason.startswith("ClientError: Cannot pull algorithm container.")
    assert "no_such_program.py" in reason


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"RoleArn": ROLE + "x"}, "Could not assume role"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://no-such-bucket/x"}}, '"no-such-bucket" does not exist'),
        ({"InputDataConfig": [channel("c", "s3://no-such-bucket/x")]}, "No S3 objects found under S3 URL"),
        ({"InputDataConfig": [channel("c", "s3://{name}/none/")]}, "No S3 objects found under S3 URL"),
        (
            {"InputDataConfig": [channel("c", "s3://{name}/x"), channel("c", "s3://{name}/x")]},
            "Duplicate channel",
        ),
        ({"InputDataConfig": [channel("c", "s3://{name}/x", CompressionType="Gzip")]}, "Pipe alone"),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
        ({"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "m", "Regex": "("}]}}, "malformed"),
        ({"HyperParameters": {str(number): "x" for number in range(101)}}, "less than or equal to 100"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    emulator: EmulatorProcess, name: str, members: dict[str, Any], message: str
) -> None:
    emulator.put(name, x=b"x")
    members = json.loads(json.dumps(members).replace("{name}", name))
    with pytest.raises(ClientError) as refused:
        train(emulator, name, "tells_what_it_got.py", **members)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert message in refused.value.response["Error"]["Message"]


def test_a_name_is_taken_once_and_must_be_known(emulator: EmulatorProcess, name: str) -> None:
    train(emulator, name, "tells_what_it_got.py")
    with pytest.raises(ClientError, match=r"\(ResourceInUse\)"):
        train(emulator, name, "tells_what_it_got.py")
    with pytest.raises(ClientError, match="the training job is in status InProgress: stop it first"):
        emulator.client("sagemaker").delete_training_job(TrainingJobName=name)
    emulator.ended("Training", name)
    listed = emulator.client("sagemaker").list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    assert name in [one["TrainingJobName"] for one in listed]
    emulator.client("sagemaker").delete_training_job(TrainingJobName=name)
    for call in ("describe_training_job", "stop_training_job", "delete_training_job"):
        with pytest.raises(ClientError, match=r"\(ValidationException\).*Could not find training job"):
            getattr(emulator.client("sagemaker"), call)(TrainingJobName=name)
