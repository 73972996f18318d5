"""Requests for jobs with as little in them as SageMaker takes, and what jobs left behind."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from tests.support.emulator import JOBS, ROLE, EmulatorProcess
from tests.support.server import wait_until

TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"


def image(program: str) -> str:
    """The name under which the host engine runs a program of tests/jobs."""
    return f"host:{JOBS / program}"


def channel(name: str, uri: str, **members: Any) -> dict[str, Any]:
    source = {"S3DataType": members.pop("S3DataType", "S3Prefix"), "S3Uri": uri}
    for member in ("S3DataDistributionType", "AttributeNames", "InstanceGroupNames"):
        if member in members:
            source[member] = members.pop(member)
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **members}


def train(emulator: EmulatorProcess, name: str, program: str, **members: Any) -> str:
    """Create a training job whose output goes to a bucket of the job's name; its ARN."""
    emulator.client("s3").create_bucket(Bucket=name)
    algorithm = {"TrainingImage": image(program), "TrainingInputMode": "File"}
    request = {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{name}/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **members,
        "AlgorithmSpecification": {**algorithm, **members.get("AlgorithmSpecification", {})},
    }
    arn: str = emulator.client("sagemaker").create_training_job(**request)["TrainingJobArn"]
    return arn


def runs(emulator: EmulatorProcess, name: str) -> None:
    """Wait until a training job's program has said that it is running."""

    def said() -> bool:
        return any("running" in lines for lines in emulator.log_lines(TRAINING_LOGS, f"{name}/").values())

    wait_until(said, f"{name} runs")


def process(emulator: EmulatorProcess, name: str, program: str, **members: Any) -> str:
    """Create a processing job; its ARN. count: of instances."""
    emulator.client("s3").create_bucket(Bucket=name)
    cluster = {"InstanceCount": members.pop("count", 1), "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    request = {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "ProcessingResources": {"ClusterConfig": cluster},
        **members,
        "AppSpecification": {"ImageUri": image(program), **members.get("AppSpecification", {})},
    }
    arn: str = emulator.client("sagemaker").create_processing_job(**request)["ProcessingJobArn"]
    return arn


def transform(
    emulator: EmulatorProcess, name: str, environment: dict[str, str] | None = None, **members: Any
) -> str:
    """Create a model of tests/jobs/serves.py, and a job with it from in/ to out/ of the bucket; its ARN.

    given, wanted: members of TransformInput and TransformOutput. count: of instances. program: another one.
    """
    sagemaker = emulator.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={
            "Image": image(members.pop("program", "serves.py")),
            "Environment": environment or {},
        },
    )
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{name}/in/"}
    request = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"DataSource": {"S3DataSource": source}, **members.pop("given", {})},
        "TransformOutput": {"S3OutputPath": f"s3://{name}/out", **members.pop("wanted", {})},
        "TransformResources": {"InstanceCount": members.pop("count", 1), "InstanceType": "ml.m5.large"},
        **members,
    }
    arn: str = sagemaker.create_transform_job(**request)["TransformJobArn"]
    return arn


def archive(emulator: EmulatorProcess, bucket: str, key: str) -> dict[str, bytes]:
    """The files of a tar.gz in S3."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(emulator.get(bucket, key))) as opened:
        for member in opened:
            if (file := opened.extractfile(member)) is not None:
                found[member.name] = file.read()
    return found


def told(content: bytes) -> dict[str, Any]:
    """What tests/jobs/tells_what_it_got.py wrote."""
    found: dict[str, Any] = json.loads(content)
    return found
