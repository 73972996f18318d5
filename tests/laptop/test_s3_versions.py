"""Versions of S3's objects while a bucket's versioning is suspended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.support.emulator import EmulatorProcess
from tests.support.server import PATIENCE

KEY = "key"


@pytest.fixture
def versions(emulator: EmulatorProcess, name: str) -> dict[str, bytes]:
    """Versions of KEY in a bucket whose versioning was enabled and then suspended, and their contents."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key=KEY, Body=b"null")
    set_versioning(s3, name, "Enabled")
    written = {"null": b"null"}
    for body in (b"1", b"2"):
        written[s3.put_object(Bucket=name, Key=KEY, Body=body)["VersionId"]] = body
    set_versioning(s3, name, "Suspended")
    return written


def set_versioning(s3: Any, bucket: str, status: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def versions_of(s3: Any, bucket: str) -> dict[str, bytes]:
    """Return the contents of all versions of KEY that are listed."""
    listed = s3.list_object_versions(Bucket=bucket, Prefix=KEY).get("Versions", [])
    return {
        each["VersionId"]: s3.get_object(Bucket=bucket, Key=KEY, VersionId=each["VersionId"])["Body"].read()
        for each in listed
    }


def put(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"new")


def copy(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"new")
    s3.copy_object(Bucket=bucket, Key=KEY, CopySource={"Bucket": bucket, "Key": "source"})


def complete_upload(s3: Any, bucket: str) -> None:
    at = {"Bucket": bucket, "Key": KEY}
    at["UploadId"] = s3.create_multipart_upload(**at)["UploadId"]
    part = {"PartNumber": 1, "ETag": s3.upload_part(**at, PartNumber=1, Body=b"new")["ETag"]}
    s3.complete_multipart_upload(**at, MultipartUpload={"Parts": [part]})


def post_form(s3: Any, bucket: str) -> None:
    form = s3.generate_presigned_post(bucket, KEY)
    answer = requests.post(form["url"], form["fields"], files={"file": b"new"}, timeout=PATIENCE)
    assert answer.status_code == 204


@pytest.mark.parametrize("write", [put, copy, complete_upload, post_form])
def test_a_write_replaces_the_null_version_alone(
    emulator: EmulatorProcess, name: str, versions: dict[str, bytes], write: Callable[[Any, str], None]
) -> None:
    s3 = emulator.client("s3")
    for _ in range(2):
        write(s3, name)
        assert versions_of(s3, name) == versions | {"null": b"new"}
        assert emulator.get(name, KEY) == b"new"
    listed = s3.list_object_versions(Bucket=name, Prefix=KEY)["Versions"]
    assert [each["VersionId"] for each in listed if each["IsLatest"]] == ["null"]
    set_versioning(s3, name, "Enabled")
    later = s3.put_object(Bucket=name, Key=KEY, Body=b"later")["VersionId"]
    assert versions_of(s3, name) == versions | {"null": b"new", later: b"later"}


@pytest.mark.parametrize("several", [False, True])
def test_a_deletion_replaces_the_null_version_by_a_delete_marker(
    emulator: EmulatorProcess, name: str, versions: dict[str, bytes], several: bool
) -> None:
    s3 = emulator.client("s3")
    del versions["null"]
    for _ in range(2):
        if several:
            (marker,) = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": KEY}]})["Deleted"]
            assert (marker["DeleteMarker"], marker["DeleteMarkerVersionId"]) == (True, "null")
        else:
            marker = s3.delete_object(Bucket=name, Key=KEY)
            assert (marker["DeleteMarker"], marker["VersionId"]) == (True, "null")
        assert versions_of(s3, name) == versions
        (marker,) = s3.list_object_versions(Bucket=name)["DeleteMarkers"]
        assert (marker["VersionId"], marker["IsLatest"]) == ("null", True)
        assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 0
    s3.delete_object(Bucket=name, Key=KEY, VersionId="null")
    assert emulator.get(name, KEY) == b"2"
    s3.delete_object(Bucket=name, Key=KEY)
    put(s3, name)
    assert versions_of(s3, name) == versions | {"null": b"new"}
    assert "DeleteMarkers" not in s3.list_object_versions(Bucket=name)


def test_a_deletion_of_a_version_leaves_the_others(
    emulator: EmulatorProcess, name: str, versions: dict[str, bytes]
) -> None:
    s3 = emulator.client("s3")
    left = dict(versions)
    for version in versions:
        head = s3.head_object(Bucket=name, Key=KEY, VersionId=version)
        assert head["ContentLength"] == len(versions[version])
        s3.delete_object(Bucket=name, Key=KEY, VersionId=version)
        del left[version]
        assert versions_of(s3, name) == left


def test_an_older_version_becomes_the_null_version_by_a_copy(
    emulator: EmulatorProcess, name: str, versions: dict[str, bytes]
) -> None:
    s3 = emulator.client("s3")
    first = list(versions)[1]
    s3.copy_object(Bucket=name, Key=KEY, CopySource={"Bucket": name, "Key": KEY, "VersionId": first})
    assert versions_of(s3, name) == versions | {"null": b"1"}
