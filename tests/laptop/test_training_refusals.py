"""Requests about training jobs that are refused at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.jobs import channel, train


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
        ({"AlgorithmSpecification": {"MetricDefinitions": [{"Name": "m", "Regex": "(?<v>x)"}]}}, "malformed"),
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
    train(emulator, name, "waits_to_be_stopped.py")
    with pytest.raises(ClientError, match=r"\(ResourceInUse\)"):
        train(emulator, name, "waits_to_be_stopped.py")
    with pytest.raises(ClientError, match="the training job is in status InProgress: stop it first"):
        emulator.client("sagemaker").delete_training_job(TrainingJobName=name)
    emulator.client("sagemaker").stop_training_job(TrainingJobName=name)
    emulator.ended("Training", name)
    listed = emulator.client("sagemaker").list_training_jobs(NameContains=name)["TrainingJobSummaries"]
    assert name in [one["TrainingJobName"] for one in listed]
    emulator.client("sagemaker").delete_training_job(TrainingJobName=name)
    for call in ("describe_training_job", "stop_training_job", "delete_training_job"):
        with pytest.raises(ClientError, match=r"\(ValidationException\).*Requested resource not found\."):
            getattr(emulator.client("sagemaker"), call)(TrainingJobName=name)
