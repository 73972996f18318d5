"""Jobs in Docker's containers: names on a network, mounts that are read-only."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.docker import missing
from tests.support.emulator import EmulatorProcess
from tests.support.jobs import archive, channel, process, train

IMAGE = "busybox:latest"
pytestmark = pytest.mark.skipif(bool(reason := missing(IMAGE)), reason=f"no Docker here: {reason}")

# algo-2 sends to algo-1 by its name, until it listens.
_TALK = """
cd /opt/ml
echo "$(hostname) of $(id -u)" > model/$(hostname)
if [ "$(hostname)" = algo-1 ]; then
  nc -l -p 9000 > model/heard
else
  until echo hello | nc algo-1 9000; do sleep 0.1; done
fi
"""
_WRITE = """
cd /opt/ml
echo more >> input/data/c/file || echo refused > /elsewhere/ck/write
cat input/data/c/file > /elsewhere/ck/read
echo gone > output/failure
exit 9
"""


def algorithm(script: str) -> dict[str, Any]:
    return {"TrainingImage": IMAGE, "ContainerEntrypoint": ["/bin/sh", "-c"], "ContainerArguments": [script]}


def test_hosts_reach_each_other_by_name(emulator: EmulatorProcess, name: str) -> None:
    resources = {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    train(emulator, name, "", AlgorithmSpecification=algorithm(_TALK), ResourceConfig=resources)
    job = emulator.ended("Training", name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    model = archive(emulator, name, f"out/{name}/output/model.tar.gz")
    assert model["heard"] == b"hello\n" and model["algo-2"] == b"algo-2 of 0\n"


def test_fast_files_are_read_only_and_checkpoints_are_kept(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/file": b"data\n"})
    train(
        emulator,
        name,
        "",
        AlgorithmSpecification=algorithm(_WRITE),
        InputDataConfig=[channel("c", f"s3://{name}/in/", InputMode="FastFile")],
        CheckpointConfig={"S3Uri": f"s3://{name}/ck", "LocalPath": "/elsewhere/ck"},
        EnableNetworkIsolation=True,
    )
    job = emulator.ended("Training", name)
    assert job["FailureReason"] == "AlgorithmError: gone, exit code: 9"
    assert emulator.get(name, "ck/read") == b"data\n" and emulator.get(name, "ck/write") == b"refused\n"


def test_processing_runs_the_images_own_program(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/file": b"data\n"})
    target = {"S3Uri": f"s3://{name}/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    source = {"S3Uri": f"s3://{name}/in", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix"}
    process(
        emulator,
        name,
        "",
        AppSpecification={
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["/bin/cp", "/opt/ml/processing/in/file"],
            "ContainerArguments": ["/opt/ml/processing/out/copied"],
        },
        ProcessingInputs=[{"InputName": "in", "S3Input": {**source, "S3InputMode": "File"}}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": target}]},
    )
    job = emulator.ended("Processing", name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert emulator.get(name, "out/copied") == b"data\n"
