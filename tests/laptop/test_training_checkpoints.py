"""Checkpoints of training jobs, and the spot jobs that go on from them."""

from __future__ import annotations

from typing import Any

from tests.support.emulator import EmulatorProcess
from tests.support.jobs import archive, runs, told, train


def test_an_interrupted_spot_job_goes_on_from_its_checkpoint(emulator: EmulatorProcess, name: str) -> None:
    train(
        emulator,
        name,
        "waits_to_be_stopped.py",
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
        CheckpointConfig={"S3Uri": f"s3://{name}/checkpoints"},
    )
    runs(emulator, name)
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
