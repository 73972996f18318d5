"""What survives a restart of S3's uploads in parts and versions, and what a missing content costs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.server import wait_until

MB = 2**20
LARGE = os.urandom(11 * MB)
CONFIG = TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB)
BUCKET, VERSIONED = "bucket", "versioned"


def upload(s3: Any, key: str, bucket: str = BUCKET) -> None:
    """Upload LARGE in three parts."""
    upload_id = begin(s3, key, bucket)["UploadId"]
    parts = [LARGE[start : start + 5 * MB] for start in range(0, len(LARGE), 5 * MB)]
    complete(s3, key, upload_id, dict(enumerate(parts, 1)), bucket)


def begin(s3: Any, key: str, bucket: str = BUCKET) -> dict[str, Any]:
    """Create an upload; what UploadPart needs."""
    created = s3.create_multipart_upload(Bucket=bucket, Key=key)
    return {"Bucket": bucket, "Key": key, "UploadId": created["UploadId"]}


def complete(s3: Any, key: str, upload_id: str, parts: dict[int, bytes], bucket: str = BUCKET) -> None:
    """Upload parts by their numbers and complete the upload."""
    at = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
    listed = [
        {"PartNumber": number, "ETag": s3.upload_part(**at, PartNumber=number, Body=body)["ETag"]}
        for number, body in parts.items()
    ]
    s3.complete_multipart_upload(**at, MultipartUpload={"Parts": listed})


def contents(state: Path) -> list[int]:
    """The sizes of all files with contents, in MB."""
    return sorted(path.stat().st_size // MB for path in (state / "objects").iterdir())


def end(emulator: EmulatorProcess, state: Path, how: str) -> None:
    """Close the emulator, or kill it once its state has the last change."""
    if how == "closed":
        emulator.close()
        return
    emulator.client("ecr").create_repository(repositoryName="the-last-change")
    wait_until(lambda: b"the-last-change" in (state / "state").read_bytes(), "the change is written")
    emulator.process.kill()
    emulator.process.wait()
    assert emulator.process.stdout is not None
    emulator.process.stdout.close()


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_uploads_in_parts_survive(tmp_path: Path, how: str) -> None:
    state = tmp_path / "state"
    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    s3 = emulator.client("s3")
    emulator.put(BUCKET)
    (tmp_path / "large").write_bytes(LARGE)
    s3.upload_file(str(tmp_path / "large"), BUCKET, "file", Config=CONFIG)
    upload(s3, "whole")
    upload(s3, "overwritten")
    s3.put_object(Bucket=BUCKET, Key="overwritten", Body=b"small")
    upload(s3, "deleted")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/deleted")
    s3.delete_object(Bucket=BUCKET, Key="deleted")
    aborted = begin(s3, "aborted")
    s3.upload_part(**aborted, PartNumber=1, Body=LARGE)
    s3.abort_multipart_upload(**aborted)
    partly = begin(s3, "partly")
    s3.upload_part(**partly, PartNumber=1, Body=LARGE)
    complete(s3, "partly", partly["UploadId"], {2: LARGE[: 5 * MB], 3: b"end"})
    begun = begin(s3, "begun")
    for body in (b"another", LARGE[: 5 * MB]):
        s3.upload_part(**begun, PartNumber=1, Body=body)
    end(emulator, state, how)

    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    assert "lost" not in emulator.log
    # In this order: small, the part of the upload that goes on, partly, and file, whole, copy.
    assert contents(state) == [0, 5, 5, 11, 11, 11]
    s3 = emulator.client("s3")
    assert emulator.keys(BUCKET) == ["copy", "file", "overwritten", "partly", "whole"]
    for key in ("file", "whole", "copy"):
        assert emulator.get(BUCKET, key) == LARGE
    second = s3.get_object(Bucket=BUCKET, Key="whole", PartNumber=2)
    assert (second["PartsCount"], second["Body"].read()) == (3, LARGE[5 * MB : 10 * MB])
    second = s3.get_object(Bucket=BUCKET, Key="partly", PartNumber=2)
    assert (second["PartsCount"], second["Body"].read()) == (2, b"end")
    kept = s3.list_parts(**begun)["Parts"]
    last = s3.upload_part(**begun, PartNumber=2, Body=b"end")
    parts = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate([*kept, last], 1)]
    s3.complete_multipart_upload(**begun, MultipartUpload={"Parts": parts})
    assert emulator.get(BUCKET, "begun") == LARGE[: 5 * MB] + b"end"
    s3.delete_object(Bucket=BUCKET, Key="whole")
    assert emulator.get(BUCKET, "file") == LARGE
    emulator.close()
    assert contents(state) == [0, 5, 5, 11, 11]


def test_versions_in_parts_survive(tmp_path: Path) -> None:
    """Also a delete marker, which moto has refer to a version that was deleted for good."""
    state = tmp_path / "state"
    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    s3 = emulator.client("s3")
    emulator.put(VERSIONED)
    s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
    upload(s3, "key", VERSIONED)
    last = s3.put_object(Bucket=VERSIONED, Key="key", Body=b"the last")["VersionId"]
    s3.delete_object(Bucket=VERSIONED, Key="key")
    s3.delete_object(Bucket=VERSIONED, Key="key", VersionId=last)
    emulator.close()

    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    s3 = emulator.client("s3")
    found = s3.list_object_versions(Bucket=VERSIONED)
    (version,) = found["Versions"]
    assert len(found["DeleteMarkers"]) == 1
    assert emulator.keys(VERSIONED) == []
    got = s3.get_object(Bucket=VERSIONED, Key="key", VersionId=version["VersionId"])
    assert got["Body"].read() == LARGE
    emulator.close()
    assert contents(state) == [11]


def test_a_missing_content_costs_its_object_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    s3 = emulator.client("s3")
    emulator.put(BUCKET, kept=b"kept", lost=b"lost")
    emulator.put(VERSIONED)
    s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
    lost = s3.put_object(Bucket=VERSIONED, Key="key", Body=b"lost")["VersionId"]
    kept = s3.put_object(Bucket=VERSIONED, Key="key", Body=b"kept")["VersionId"]
    begun = begin(s3, "begun")
    for number, body in enumerate((b"lost", b"kept"), 1):
        s3.upload_part(**begun, PartNumber=number, Body=body)
    emulator.close()
    for path in (state / "objects").iterdir():
        if path.read_bytes() == b"lost":
            path.unlink()

    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    s3 = emulator.client("s3")
    assert f"s3://{BUCKET}/lost: the object is dropped" in emulator.log
    assert f"s3://{VERSIONED}/key (version {lost}): the object is dropped" in emulator.log
    assert f"part 1 of an upload to s3://{BUCKET}/begun: the part is dropped" in emulator.log
    assert emulator.keys(BUCKET) == ["kept"]
    assert emulator.get(BUCKET, "kept") == emulator.get(VERSIONED, "key") == b"kept"
    versions = s3.list_object_versions(Bucket=VERSIONED)["Versions"]
    assert [each["VersionId"] for each in versions] == [kept]
    (part,) = s3.list_parts(**begun)["Parts"]
    assert part["PartNumber"] == 2
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=BUCKET, Key="lost")
    emulator.put(BUCKET, lost=b"put again")
    emulator.close()

    emulator = EmulatorProcess(tmp_path, "--state", str(state))
    assert "dropped" not in emulator.log
    assert emulator.get(BUCKET, "lost") == b"put again"
    emulator.close()
