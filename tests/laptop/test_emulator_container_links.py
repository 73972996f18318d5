"""Links that a container puts in the place of its files do not lead the emulator to files of this machine."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulator import EmulatorProcess
from tests.support.jobs import archive, channel, process, train

SECRET = "of this machine's user alone"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder with a file of the user's, outside of all jobs' folders."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "key").write_text(SECRET)
    return folder


def program(folder: Path, code: str, secret: Path) -> dict[str, str]:
    path = folder / "program.py"
    path.write_text(
        "#!/usr/bin/env python3\n"
        "import os, sys, time\nfrom pathlib import Path\n"
        f"root, secret = Path('/opt/ml'), Path({str(secret)!r})\n{code}\n"
    )
    path.chmod(0o755)
    return {"TrainingImage": f"host:{path}"}


def stored(emulator: EmulatorProcess, bucket: str) -> dict[str, bytes]:
    return {key: emulator.get(bucket, key) for key in emulator.keys(bucket)}


@pytest.mark.parametrize("compression", ["NONE", "GZIP"])
def test_outputs_of_training(
    emulator: EmulatorProcess, name: str, tmp_path: Path, secret: Path, compression: str
) -> None:
    code = """
(root / "model/own").write_text("own")
(root / "model/within").symlink_to("own")
(root / "model/link").symlink_to(secret / "key")
(root / "model/folder").symlink_to(secret)
(root / "output/data").rmdir()
(root / "output/data").symlink_to(secret)
"""
    output = {"S3OutputPath": f"s3://{name}/out", "CompressionType": compression}
    algorithm = program(tmp_path, code, secret)
    train(emulator, name, "", AlgorithmSpecification=algorithm, OutputDataConfig=output)
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    base = f"out/{name}/output"
    assert archive(emulator, name, f"{base}/output.tar.gz") == {}
    if compression == "GZIP":
        model = gzip.decompress(emulator.get(name, f"{base}/model.tar.gz"))
        assert b"own" in model and SECRET.encode() not in model
    else:
        objects = stored(emulator, name)
        assert objects[f"{base}/model/own"] == objects[f"{base}/model/within"] == b"own"
        assert SECRET.encode() not in objects.values()


def test_why_training_failed(emulator: EmulatorProcess, name: str, tmp_path: Path, secret: Path) -> None:
    code = '(root / "output/failure").symlink_to(secret / "key")\nprint("its own words")\nsys.exit(1)'
    train(emulator, name, "", AlgorithmSpecification=program(tmp_path, code, secret))
    reason = emulator.ended("Training", name)["FailureReason"]
    assert "its own words" in reason and SECRET not in reason


def test_checkpoints_of_training(emulator: EmulatorProcess, name: str, tmp_path: Path, secret: Path) -> None:
    code = """
(root / "checkpoints/own").write_text("own")
(root / "checkpoints/link").symlink_to(secret / "key")
"""
    checkpoints = {"S3Uri": f"s3://{name}/checkpoints"}
    algorithm = program(tmp_path, code, secret)
    train(emulator, name, "", AlgorithmSpecification=algorithm, CheckpointConfig=checkpoints)
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    assert [key for key in emulator.keys(name) if key.startswith("check")] == ["checkpoints/own"]


@pytest.mark.parametrize("mode", ["EndOfJob", "Continuous"])
def test_outputs_and_message_of_processing(
    emulator: EmulatorProcess, name: str, tmp_path: Path, secret: Path, mode: str
) -> None:
    code = """
(root / "processing/out/own").write_text("own")
(root / "processing/out/link").symlink_to(secret / "key")
(root / "processing/moved").rmdir()
(root / "processing/moved").symlink_to(secret)
(root / "output/message").symlink_to(secret / "key")
"""
    outputs = [
        {
            "OutputName": folder,
            "S3Output": {
                "S3Uri": f"s3://{name}/{folder}",
                "LocalPath": f"/opt/ml/processing/{folder}",
                "S3UploadMode": mode,
            },
        }
        for folder in ("out", "moved")
    ]
    image = program(tmp_path, code, secret)["TrainingImage"]
    members: dict[str, Any] = {"AppSpecification": {"ImageUri": image}}
    process(emulator, name, "", ProcessingOutputConfig={"Outputs": outputs}, **members)
    job = emulator.ended("Processing", name)
    assert job["ProcessingJobStatus"] == "Completed", job
    assert "ExitMessage" not in job
    assert stored(emulator, name) == {"out/own": b"own"}


@pytest.mark.parametrize("what", ["its FIFO", "their folder"])
def test_what_a_pipe_sends_is_written_to_no_file_of_this_machine(
    emulator: EmulatorProcess, name: str, tmp_path: Path, secret: Path, what: str
) -> None:
    """A pipe's data is the container's choice, if it may write to S3."""
    if what == "its FIFO":
        code = 'path = root / "input/data/c_0"; path.unlink(); path.symlink_to(secret / "key")'
    else:
        (secret / "c_0").write_text(SECRET)
        code = 'path = root / "input/data"; path.rename(root / "input/x"); path.symlink_to(secret)'
    emulator.put(name, **{"data/object": b"EVIL"})
    channels = [channel("c", f"s3://{name}/data/", InputMode="Pipe")]
    algorithm = program(tmp_path, f"{code}\ntime.sleep(1)", secret)
    train(emulator, name, "", AlgorithmSpecification=algorithm, InputDataConfig=channels)
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    assert {path.read_text() for path in secret.iterdir()} == {SECRET}
