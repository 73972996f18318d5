"""Processing jobs: inputs, outputs, messages, and how they end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.jobs import process, told
from tests.support.server import wait_until

GROUP = "/aws/sagemaker/ProcessingJobs"
OUT = "/opt/ml/processing/out"


def source(name: str, uri: str, **members: Any) -> dict[str, Any]:
    path = members.pop("LocalPath", f"/opt/ml/processing/{name}")
    s3 = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File", **members}
    return {"InputName": name, "S3Input": s3}


def outputs(name: str, mode: str = "EndOfJob") -> dict[str, Any]:
    target = {"S3Uri": f"s3://{name}/out", "LocalPath": OUT, "S3UploadMode": mode}
    return {"Outputs": [{"OutputName": "out", "S3Output": target}]}


def test_inputs_come_and_outputs_go(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a.csv": b"1", "in/b/c.csv": b"2"})
    arn = process(
        emulator,
        name,
        "tells_what_it_got.py",
        count=2,
        AppSpecification={"ContainerArguments": ["--fast", "yes"]},
        Environment={"MINE": "yes"},
        ProcessingInputs=[
            source("every", f"s3://{name}/in/"),
            source("part", f"s3://{name}/in", S3DataDistributionType="ShardedByS3Key"),
        ],
        ProcessingOutputConfig=outputs(name),
    )
    job = emulator.ended("Processing", name)
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ExitMessage"] == "All told."
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert emulator.keys(name, "out/") == ["out/algo-1.json", "out/algo-2.json", "out/who"]
    first, second = (told(emulator.get(name, f"out/algo-{number}.json")) for number in (1, 2))
    assert first["argv"] == ["--fast", "yes"]
    assert first["environment"]["MINE"] == "yes" and first["environment"]["PROCESSING_JOB_ARN"] == arn
    assert first["processing"] == {"every/a.csv": "1", "every/b/c.csv": "2", "part/a.csv": "1"}
    assert second["processing"] == {"every/a.csv": "1", "every/b/c.csv": "2", "part/b/c.csv": "2"}
    assert json.loads(second["config"]["resourceconfig.json"])["current_host"] == "algo-2"
    config = json.loads(first["config"]["processingjobconfig.json"])
    assert config["ProcessingJobName"] == name and config["ProcessingJobArn"] == arn
    assert config["AppSpecification"]["ContainerArguments"] == ["--fast", "yes"]
    assert len(emulator.log_lines(GROUP, f"{name}/")) == 2


def test_a_failure_tells_its_exit_code_and_message(emulator: EmulatorProcess, name: str) -> None:
    script = 'echo no rows > "$ML_ROOT/output/message"; exit 4'
    app = {"ContainerEntrypoint": ["sh", "-c", script]}
    process(emulator, name, "fails.py", AppSpecification=app)
    job = emulator.ended("Processing", name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: no rows, exit code: 4"
    assert job["ExitMessage"] == "no rows\n"


def test_continuous_outputs_are_there_before_the_end_and_a_stop_ends_it(
    emulator: EmulatorProcess, name: str
) -> None:
    script = f'echo early > "$ML_ROOT{OUT.removeprefix("/opt/ml")}/early"; exec sleep 600'
    process(
        emulator,
        name,
        "fails.py",
        AppSpecification={"ContainerEntrypoint": ["sh", "-c", script]},
        ProcessingOutputConfig=outputs(name, "Continuous"),
    )
    wait_until(lambda: emulator.keys(name, "out/") == ["out/early"], "the output is uploaded")
    sagemaker = emulator.client("sagemaker")
    assert emulator.described("Processing", name)["ProcessingJobStatus"] == "InProgress"
    sagemaker.stop_processing_job(ProcessingJobName=name)
    assert emulator.ended("Processing", name)["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="the processing job is in status Stopped"):
        sagemaker.stop_processing_job(ProcessingJobName=name)


def test_a_job_that_runs_too_long_is_stopped(emulator: EmulatorProcess, name: str) -> None:
    process(
        emulator,
        name,
        "waits_to_be_stopped.py",
        StoppingCondition={"MaxRuntimeInSeconds": 3},
        ProcessingOutputConfig=outputs(name),
    )
    job = emulator.ended("Processing", name)
    assert job["ProcessingJobStatus"] == "Stopped" and "MaxRuntimeInSeconds" in job["FailureReason"]
    assert emulator.get(name, "out/weights") == b"half"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"RoleArn": ROLE + "x"}, "Could not assume role"),
        ({"ProcessingInputs": [source("a", "s3://no-such-bucket/x")]}, "No S3 objects found"),
        (
            {"ProcessingInputs": [source("a", "s3://{name}/x", LocalPath="/tmp/x")]},
            "LocalPath must begin with",
        ),
        ({"ProcessingOutputConfig": outputs("no-such-bucket")}, '"no-such-bucket" does not exist'),
        (
            {"ProcessingInputs": 2 * [source("twice", "s3://{name}/x")]},
            "Duplicate processing input name: twice.",
        ),
        (
            {"ProcessingOutputConfig": {"Outputs": 2 * outputs("{name}")["Outputs"]}},
            "Duplicate processing output name: out.",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    emulator: EmulatorProcess, name: str, members: dict[str, Any], message: str
) -> None:
    emulator.put(name, x=b"x")
    members = json.loads(json.dumps(members).replace("{name}", name))
    with pytest.raises(ClientError, match=r"\(ValidationException\)") as refused:
        process(emulator, name, "tells_what_it_got.py", **members)
    assert message in str(refused.value)
