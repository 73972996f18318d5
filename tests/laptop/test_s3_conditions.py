"""Conditions, ranges, response-* overrides and versions of S3's objects."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import md5
from threading import Event
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.server import PATIENCE

BODY = b"0123456789"
PARTS = [os.urandom(5 * 2**20), b"the last"]


@pytest.fixture
def bucket(emulator: EmulatorProcess, name: str) -> str:
    emulator.put(name, key=BODY)
    return name


def refusal(call: Any, **arguments: Any) -> tuple[int, str]:
    """The status and the code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def upload(s3: Any, bucket: str, key: str, **members: Any) -> dict[str, Any]:
    """Upload PARTS; what CompleteMultipartUpload needs, and each part's answer."""
    at = {"Bucket": bucket, "Key": key}
    at["UploadId"] = s3.create_multipart_upload(**at, **members)["UploadId"]
    algorithm = {"ChecksumAlgorithm": members["ChecksumAlgorithm"]} if members else {}
    answers = [
        s3.upload_part(**at, PartNumber=number, Body=body, **algorithm)
        for number, body in enumerate(PARTS, 1)
    ]
    parts = [
        {"PartNumber": number, "ETag": answer["ETag"]}
        | {name: value for name, value in answer.items() if name.startswith("Checksum")}
        for number, answer in enumerate(answers, 1)
    ]
    for part in parts:
        part.pop("ChecksumType", None)
    return {**at, "MultipartUpload": {"Parts": parts}}


def test_puts_are_conditional(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    there = {"Bucket": bucket, "Key": "key", "Body": b"new"}
    missing = {**there, "Key": "missing"}
    etag = s3.head_object(Bucket=bucket, Key="key")["ETag"]
    assert refusal(s3.put_object, **there, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(s3.put_object, **there, IfMatch='"other"') == (412, "PreconditionFailed")
    assert refusal(s3.put_object, **missing, IfMatch=etag) == (404, "NoSuchKey")
    assert emulator.get(bucket, "key") == BODY
    s3.put_object(**there, IfMatch=etag)
    s3.put_object(**missing, IfNoneMatch="*")
    assert emulator.get(bucket, "key") == emulator.get(bucket, "missing") == b"new"
    done = upload(s3, bucket, "key")
    assert refusal(s3.complete_multipart_upload, **done, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert refusal(s3.delete_object, Bucket=bucket, Key="key", IfMatch=etag) == (412, "PreconditionFailed")


def test_writes_need_a_condition_that_is_met(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    etag = s3.head_object(Bucket=bucket, Key="key")["ETag"]
    s3.put_object(Bucket=bucket, Key="source", Body=b"new")
    copy = {"Bucket": bucket, "Key": "key", "CopySource": {"Bucket": bucket, "Key": "source"}}
    upload_of = upload(s3, bucket, "key")
    put = {"Bucket": bucket, "Key": "key", "Body": b"new"}
    writes: list[tuple[Any, dict[str, Any]]] = [
        (s3.put_object, put),
        (s3.copy_object, copy),
        (s3.complete_multipart_upload, upload_of),
    ]
    for call, write in writes:
        assert refusal(call, **write, IfNoneMatch="*") == (412, "PreconditionFailed")
        assert refusal(call, **write, IfMatch='"other"') == (412, "PreconditionFailed")
        assert refusal(call, **write, IfNoneMatch=etag) == (501, "NotImplemented")
        missing = write | {"Key": "missing"}
        assert refusal(call, **missing, IfMatch=etag) == (404, "NoSuchKey")
    assert emulator.get(bucket, "key") == BODY
    new = s3.copy_object(**copy, IfMatch=etag)["CopyObjectResult"]["ETag"]
    s3.copy_object(**copy | {"Key": "missing"}, IfNoneMatch="*")
    assert emulator.get(bucket, "key") == emulator.get(bucket, "missing") == b"new"
    for _ in range(2):  # a repeated completion is answered as the first
        s3.complete_multipart_upload(**upload_of, IfMatch=new)
    assert emulator.get(bucket, "key") == b"".join(PARTS)


@pytest.mark.parametrize("of_part", [False, True])
def test_copies_are_conditional(emulator: EmulatorProcess, bucket: str, of_part: bool) -> None:
    s3 = emulator.client("s3")
    head = s3.head_object(Bucket=bucket, Key="key")
    etag, modified = head["ETag"], head["LastModified"]
    before, after = modified - timedelta(days=1), modified + timedelta(days=1)
    copy: dict[str, Any] = {"Bucket": bucket, "Key": "target", "CopySource": {"Bucket": bucket, "Key": "key"}}
    call = s3.copy_object
    if of_part:
        created = s3.create_multipart_upload(Bucket=bucket, Key="target")
        copy |= {"UploadId": created["UploadId"], "PartNumber": 1}
        call = s3.upload_part_copy
    unmet: list[dict[str, Any]] = [
        {"CopySourceIfMatch": '"other"'},
        {"CopySourceIfNoneMatch": "*"},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfModifiedSince": modified},
        {"CopySourceIfModifiedSince": after},
        {"CopySourceIfUnmodifiedSince": before},
        {"CopySourceIfNoneMatch": etag, "CopySourceIfModifiedSince": before},
        {"CopySourceIfMatch": etag, "CopySourceIfNoneMatch": etag},
    ]
    for conditions in unmet:
        assert refusal(call, **copy, **conditions) == (412, "PreconditionFailed")
    if of_part:
        assert "Parts" not in s3.list_parts(Bucket=bucket, Key="target", UploadId=copy["UploadId"])
    else:
        assert refusal(s3.get_object, Bucket=bucket, Key="target") == (404, "NoSuchKey")
    met: list[dict[str, Any]] = [
        {"CopySourceIfMatch": etag.strip('"')},
        {"CopySourceIfMatch": f'"other", {etag}'},
        {"CopySourceIfMatch": "*"},
        {"CopySourceIfNoneMatch": '"other"'},
        {"CopySourceIfModifiedSince": before},
        {"CopySourceIfUnmodifiedSince": modified},
        {"CopySourceIfMatch": etag, "CopySourceIfUnmodifiedSince": before},
    ]
    for conditions in met:
        call(**copy, **conditions)


def test_a_condition_that_is_no_time_is_refused(emulator: EmulatorProcess, bucket: str) -> None:
    url = emulator.client("s3").generate_presigned_url("put_object", {"Bucket": bucket, "Key": "target"})
    headers = {"x-amz-copy-source": f"{bucket}/key", "x-amz-copy-source-if-modified-since": "yesterday"}
    answer = requests.put(url, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400
    assert "<Code>InvalidArgument</Code>" in answer.text


def test_deletions_are_conditional(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    head = s3.head_object(Bucket=bucket, Key="key")
    stated = {"ETag": head["ETag"], "LastModifiedTime": head["LastModified"], "Size": len(BODY)}
    other = {"ETag": '"other"', "LastModifiedTime": head["LastModified"] - timedelta(days=1), "Size": 1}
    headers = {"ETag": "IfMatch", "LastModifiedTime": "IfMatchLastModifiedTime", "Size": "IfMatchSize"}
    for name, value in other.items():
        conditions = {headers[each]: text for each, text in (stated | {name: value}).items()}
        refused = refusal(s3.delete_object, Bucket=bucket, Key="key", **conditions)
        assert refused == (412, "PreconditionFailed")
        objects = [{"Key": "key", **stated, name: value}, {"Key": "key", name: value}]
        result = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
        assert [(each["Key"], each["Code"]) for each in result["Errors"]] == [
            ("key", "PreconditionFailed")
        ] * 2
        assert "Deleted" not in result
    missing = {"Bucket": bucket, "Key": "missing"}
    assert refusal(s3.delete_object, **missing, IfMatch="*") == (404, "NoSuchKey")
    s3.delete_object(Bucket=bucket, Key="key", IfMatch="*")
    keys = ("one", "two", "three")
    emulator.put(bucket, **dict.fromkeys(keys, b"new"))
    objects = [{"Key": "one", "ETag": s3.head_object(Bucket=bucket, Key="one")["ETag"]}]
    objects += [{"Key": "two", "ETag": "*"}, {"Key": "three", "ETag": head["ETag"]}, {"Key": "missing"}]
    result = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [each["Key"] for each in result["Deleted"]] == ["one", "two", "missing"]
    assert [each["Key"] for each in result["Errors"]] == ["three"]
    assert emulator.get(bucket, "three") == b"new"


def test_of_many_that_create_an_object_one_succeeds(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")

    def create(number: int) -> str:
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "created"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(24))) == ["PreconditionFailed"] * 23 + ["created"]


def test_reads_while_an_object_is_replaced_get_one_version(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    done = Event()

    def replace(number: int) -> None:
        while not done.is_set():
            s3.put_object(Bucket=bucket, Key="key", Body=b"%d" % number * (number + 1))

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(replace, number) for number in range(3)]
        try:
            for _ in range(100):
                got = s3.get_object(Bucket=bucket, Key="key")
                assert f'"{md5(got["Body"].read()).hexdigest()}"' == got["ETag"]
        finally:
            done.set()
        for writer in writers:
            writer.result(PATIENCE)


def test_gets_are_conditional(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    key = {"Bucket": bucket, "Key": "key"}
    head = s3.head_object(**key)
    for call in (s3.get_object, s3.head_object):
        assert refusal(call, **key, IfNoneMatch=head["ETag"])[0] == 304
        assert refusal(call, **key, IfModifiedSince=head["LastModified"])[0] == 304
        assert refusal(call, **key, IfMatch='"other"')[0] == 412
        assert call(**key, IfMatch=head["ETag"], Range="bytes=1-2")["ContentLength"] == 2


MANY_DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("asked", "status", "expected", "of"),
    [
        ("bytes=0-", 206, BODY, "bytes 0-9/10"),
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, BODY, "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=5-2", 200, BODY, None),
        ("bytes=0-1,4-5", 200, BODY, None),
        ("lines=0-1", 200, BODY, None),
        ("bytes=10-", 416, None, None),
        ("bytes=-0", 416, None, None),
        (f"bytes={MANY_DIGITS}-", 416, None, None),
        (f"bytes={MANY_DIGITS}-{MANY_DIGITS}", 416, None, None),
        (f"bytes=-{MANY_DIGITS}", 206, BODY, "bytes 0-9/10"),
        (f"bytes=8-{MANY_DIGITS}", 206, b"89", "bytes 8-9/10"),
        (f"bytes={'0' * 5000}8-9", 206, b"89", "bytes 8-9/10"),
    ],
)
def test_ranges(
    emulator: EmulatorProcess, bucket: str, asked: str, status: int, expected: bytes | None, of: str | None
) -> None:
    key = {"Bucket": bucket, "Key": "key"}
    url = emulator.client("s3").generate_presigned_url("get_object", key)
    answer = requests.get(url, headers={"Range": asked}, timeout=PATIENCE)
    assert (answer.status_code, answer.headers.get("Content-Range")) == (status, of)
    if expected is None:
        assert "<Code>InvalidRange</Code>" in answer.text
        assert "<ActualObjectSize>10</ActualObjectSize>" in answer.text
    else:
        assert answer.content == expected


def test_parts_of_an_object_are_read(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    s3.complete_multipart_upload(**upload(s3, bucket, "parts"))
    key = {"Bucket": bucket, "Key": "parts"}
    for number, body in enumerate(PARTS, 1):
        got = s3.get_object(**key, PartNumber=number)
        assert got["Body"].read() == body
        assert (got["PartsCount"], got["ResponseMetadata"]["HTTPStatusCode"]) == (2, 206)
        head = s3.head_object(**key, PartNumber=number)
        assert (head["ContentLength"], head["PartsCount"]) == (len(body), 2)
    assert refusal(s3.get_object, **key, PartNumber=3) == (416, "InvalidPartNumber")
    assert refusal(s3.get_object, **key, PartNumber=1, Range="bytes=0-1") == (400, "InvalidRequest")
    assert s3.get_object(Bucket=bucket, Key="key", PartNumber=1)["Body"].read() == BODY


@pytest.mark.parametrize("number", ["0", "10001", "x", "-1", "", MANY_DIGITS])
def test_a_number_of_a_part_that_none_has_is_refused(
    emulator: EmulatorProcess, bucket: str, number: str
) -> None:
    url = emulator.client("s3").generate_presigned_url("get_object", {"Bucket": bucket, "Key": "key"})
    answer = requests.get(f"{url}&partNumber={number}", timeout=PATIENCE)
    assert answer.status_code == 400 and "<Code>InvalidArgument</Code>" in answer.text


def test_response_headers_are_overridden(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    wanted = {
        "CacheControl": "no-store",
        "ContentDisposition": 'attachment; filename="a b.csv"',
        "ContentEncoding": "identity",
        "ContentLanguage": "de",
        "ContentType": "text/csv",
    }
    arguments = {f"Response{name}": value for name, value in wanted.items()}
    for call in (s3.get_object, s3.head_object):
        for more in ({}, {"Range": "bytes=2-3"}):
            got = call(Bucket=bucket, Key="key", **arguments, **more)
            assert {name: got[name] for name in wanted} == wanted
    assert "CacheControl" not in s3.head_object(Bucket=bucket, Key="key")


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "💩"])
def test_an_override_that_is_no_header_is_refused(emulator: EmulatorProcess, bucket: str, value: str) -> None:
    arguments = {"Bucket": bucket, "Key": "key", "ResponseContentType": value}
    assert refusal(emulator.client("s3").get_object, **arguments) == (400, "InvalidArgument")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "XXHASH64"])
def test_composite_checksums_name_their_parts(emulator: EmulatorProcess, bucket: str, algorithm: str) -> None:
    s3 = emulator.client("s3")
    done = upload(s3, bucket, "parts", ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    listed = s3.list_parts(Bucket=bucket, Key="parts", UploadId=done["UploadId"])["Parts"]
    assert [part[name] for part in listed] == [part[name] for part in done["MultipartUpload"]["Parts"]]
    completed = s3.complete_multipart_upload(**done)
    head = s3.head_object(Bucket=bucket, Key="parts", ChecksumMode="ENABLED")
    assert head[name].endswith("-2")
    assert (head[name], head["ChecksumType"]) == (completed[name], "COMPOSITE")
    got = s3.get_object(Bucket=bucket, Key="parts", ChecksumMode="ENABLED")
    assert got[name] == head[name]
    copied = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": "parts"}}
    whole = s3.put_object(Bucket=bucket, Key="whole", Body=b"".join(PARTS), ChecksumAlgorithm=algorithm)
    assert s3.copy_object(**copied)["CopyObjectResult"][name] == whole[name]
    head = s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    assert (head[name], head["ChecksumType"]) == (whole[name], "FULL_OBJECT")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_checksums_of_the_full_object(emulator: EmulatorProcess, bucket: str, algorithm: str) -> None:
    s3 = emulator.client("s3")
    name = f"Checksum{algorithm}"
    right = s3.put_object(Bucket=bucket, Key="whole", Body=b"".join(PARTS), ChecksumAlgorithm=algorithm)[name]
    kind = {"ChecksumAlgorithm": algorithm, "ChecksumType": "FULL_OBJECT"}
    done = upload(s3, bucket, "parts", **kind)
    wrong = s3.put_object(Bucket=bucket, Key="other", Body=b"", ChecksumAlgorithm=algorithm)[name]
    assert refusal(s3.complete_multipart_upload, **done, **{name: wrong}) == (400, "BadDigest")
    completed = s3.complete_multipart_upload(**done, **{name: right}, ChecksumType="FULL_OBJECT")
    assert (completed[name], completed["ChecksumType"]) == (right, "FULL_OBJECT")
    head = s3.head_object(Bucket=bucket, Key="parts", ChecksumMode="ENABLED")
    assert (head[name], head["ChecksumType"]) == (right, "FULL_OBJECT")


def test_wrong_statements_about_parts_are_refused(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    done = upload(s3, bucket, "parts", ChecksumAlgorithm="SHA256")
    first, second = done["MultipartUpload"]["Parts"]
    swapped = {"Parts": [first | {"ChecksumSHA256": second["ChecksumSHA256"]}, second]}
    assert refusal(s3.complete_multipart_upload, **done | {"MultipartUpload": swapped}) == (
        400,
        "InvalidPart",
    )
    assert refusal(s3.complete_multipart_upload, **done, MpuObjectSize=1) == (400, "InvalidRequest")
    kinds = [("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")]
    for algorithm, kind in kinds:
        wanted = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        refused = refusal(s3.create_multipart_upload, Bucket=bucket, Key="key", **wanted)
        assert refused == (400, "InvalidRequest")
    s3.complete_multipart_upload(**done)


def test_parts_are_named_once_and_in_order(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    done = upload(s3, bucket, "parts")
    first, second = done["MultipartUpload"]["Parts"]
    complete = s3.complete_multipart_upload
    for parts in ([second, first], [first, first], [first, second, second]):
        refused = refusal(complete, **done | {"MultipartUpload": {"Parts": parts}})
        assert refused == (400, "InvalidPartOrder")
    assert refusal(s3.get_object, Bucket=bucket, Key="parts") == (404, "NoSuchKey")
    complete(**done)
    assert emulator.get(bucket, "parts") == b"".join(PARTS)


@pytest.mark.parametrize("named", [slice(2), slice(1), slice(1, 2)])
def test_a_completion_is_repeated_with_the_same_parts_only(
    emulator: EmulatorProcess, bucket: str, named: slice
) -> None:
    s3 = emulator.client("s3")
    done = upload(s3, bucket, "parts")
    uploaded = done["MultipartUpload"]["Parts"]
    done["MultipartUpload"] = {"Parts": uploaded[named]}
    etag = s3.complete_multipart_upload(**done)["ETag"]
    assert s3.complete_multipart_upload(**done)["ETag"] == etag
    wrong = [{**uploaded[0], "ETag": '"other"'}, *uploaded[1:]][named]
    for parts in (uploaded[:2], uploaded[:1], uploaded[1:], wrong):
        if parts != uploaded[named]:
            refused = refusal(s3.complete_multipart_upload, **done | {"MultipartUpload": {"Parts": parts}})
            assert refused == (404, "NoSuchUpload")
    assert emulator.get(bucket, "parts") == b"".join(PARTS[named])


def test_a_copy_has_no_parts(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    s3.complete_multipart_upload(**upload(s3, bucket, "parts"))
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "parts"})
    s3.delete_object(Bucket=bucket, Key="parts")
    copy = s3.get_object(Bucket=bucket, Key="copy", PartNumber=1)
    assert copy["Body"].read() == b"".join(PARTS)
    assert refusal(s3.get_object, Bucket=bucket, Key="copy", PartNumber=2) == (416, "InvalidPartNumber")


def test_a_copy_gets_the_checksum_that_is_asked_for(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    source = {"Bucket": bucket, "Key": "key"}
    right = s3.put_object(Bucket=bucket, Key="other", Body=BODY, ChecksumAlgorithm="SHA256")["ChecksumSHA256"]
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source, ChecksumAlgorithm="SHA256")
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == right
    head = s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == right
