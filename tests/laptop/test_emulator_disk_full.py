"""The emulator on a disk that is soon full: said at once, and what was there goes on."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.disk import small_disk
from tests.support.emulator import EmulatorProcess
from tests.support.files import everything
from tests.support.hosting import Hosting, archive
from tests.support.jobs import process, train
from tests.support.server import wait_until


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, "4m"):
        yield folder


@pytest.mark.parametrize("size", [5_000_000, 4_190_000], ids=["too large at once", "too large together"])
def test_an_object_that_has_no_room(disk: Path, size: int) -> None:
    emulator = EmulatorProcess(disk)
    emulator.put("one", small=b"x" * 100_000)
    with pytest.raises(ClientError) as caught:
        emulator.put("one", large=os.urandom(size))
    assert caught.value.response["Error"]["Code"] == "InsufficientStorage"
    assert "disk is full" in caught.value.response["Error"]["Message"]
    assert emulator.get("one", "small") == b"x" * 100_000
    emulator.put("one", other=b"x" * 100_000)
    emulator.close()


def test_a_model_that_has_no_room_fails_its_endpoint(disk: Path) -> None:
    emulator = EmulatorProcess(disk)
    hosting = Hosting(emulator)
    emulator.put("models", m=archive({"zeros": bytes(6_000_000)}))
    name = hosting.create(hosting.config({"ModelName": hosting.model(ModelDataUrl="s3://models/m")}))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "No space left on device" in described["FailureReason"]
    emulator.put("models", other=b"x" * 100_000)
    emulator.close()


def train_bytes(emulator: EmulatorProcess, name: str, size: int, compression: str) -> None:
    train(
        emulator,
        name,
        "leaves_bytes.py",
        Environment={"BYTES": str(size)},
        OutputDataConfig={"S3OutputPath": f"s3://{name}/out", "CompressionType": compression},
    )


def process_bytes(emulator: EmulatorProcess, name: str, size: int, mode: str) -> None:
    target = {"S3Uri": f"s3://{name}/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": mode}
    process(
        emulator,
        name,
        "leaves_bytes.py",
        Environment={"BYTES": str(size)},
        ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": target}]},
    )


@pytest.mark.parametrize(
    ("kind", "begin", "how"),
    [
        ("Training", train_bytes, "GZIP"),
        ("Training", train_bytes, "NONE"),
        ("Processing", process_bytes, "EndOfJob"),
        ("Processing", process_bytes, "Continuous"),
    ],
)
def test_a_job_whose_output_has_no_room_fails(disk: Path, kind: str, begin: Any, how: str) -> None:
    """There is room for what it leaves, and not for the copy that is to be its object."""
    emulator = EmulatorProcess(disk)
    emulator.put("large")

    def files() -> set[Path]:
        """Without the mark of the engine, which stays for what it may have of this emulator's."""
        return {path for path in everything(disk) if path.is_file() and path.name != "uses-host"}

    before = files()
    begin(emulator, "large", 2_500_000, how)
    job = emulator.ended(kind, "large")
    assert job[f"{kind}JobStatus"] == "Failed"
    assert "No space left on device" in job["FailureReason"]
    assert emulator.keys("large") == []
    wait_until(lambda: files() == before, "its files go", seen=lambda: str(files() - before))
    begin(emulator, "small", 100_000, how)
    assert emulator.ended(kind, "small")[f"{kind}JobStatus"] == "Completed"
    assert emulator.keys("small") != []
    emulator.close()


def test_a_state_that_has_no_room_is_told_and_the_former_one_stays(disk: Path, tmp_path: Path) -> None:
    """The state's folder alone is on the small disk, and objects fill it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    emulator = EmulatorProcess(outside, "--state", str(disk / "state"))
    emulator.put("one", small=b"x")
    emulator.close()
    left = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(b"x" * (left - 64 * 2**10))
    emulator = EmulatorProcess(outside, "--state", str(disk / "state"))
    logs = emulator.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    events = [{"timestamp": int(time.time() * 1000), "message": os.urandom(50_000).hex()} for _ in range(2)]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    emulator.close(code=1)
    assert "The state cannot be written" in emulator.log
    assert f"longshore: --state {disk / 'state'}: the state could not be written at the end" in emulator.log
    assert "Make room" in emulator.log
    assert not list(outside.glob("longshore-emulators-*/*")), "all else is done"
    (disk / "filler").unlink()
    emulator = EmulatorProcess(outside, "--state", str(disk / "state"))
    assert emulator.get("one", "small") == b"x"
    emulator.close()
