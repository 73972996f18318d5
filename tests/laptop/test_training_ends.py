"""How training jobs end: failed, stopped, out of time."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.jobs import archive, runs, train


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
    runs(emulator, name)
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
    train(emulator, name, "waits_to_be_stopped.py", StoppingCondition={"MaxRuntimeInSeconds": 3})
    job = emulator.ended("Training", name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert archive(emulator, name, f"out/{name}/output/model.tar.gz") == {"weights": b"half"}


def test_an_image_that_is_not_there_fails_the_job(emulator: EmulatorProcess, name: str) -> None:
    train(emulator, name, "no_such_program.py")
    reason = emulator.ended("Training", name)["FailureReason"]
    assert reason.startswith("ClientError: Cannot pull algorithm container.")
    assert "no_such_program.py" in reason
