"""S3 on the emulator: what a client may send and ask for, beyond what moto does by itself."""

from __future__ import annotations

import base64
import http.client
import os
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from boto3.s3.transfer import TransferConfig

from tests.support.emulator import EmulatorProcess
from tests.support.server import PATIENCE

LARGE = os.urandom(700_000)


@pytest.fixture
def bucket(emulator: EmulatorProcess, name: str) -> str:
    emulator.client("s3").create_bucket(Bucket=name)
    return name


def url(emulator: EmulatorProcess, bucket: str, key: str) -> str:
    return f"{emulator.address}/{bucket}/{key}"


@pytest.mark.parametrize("body", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_what_is_put_is_what_is_got(emulator: EmulatorProcess, bucket: str, body: bytes) -> None:
    s3 = emulator.client("s3")
    put = s3.put_object(Bucket=bucket, Key="a/key with spaces+", Body=body, ContentType="text/odd")
    got = s3.get_object(Bucket=bucket, Key="a/key with spaces+")
    assert got["Body"].read() == body
    assert (got["ETag"], got["ContentLength"]) == (put["ETag"], len(body))
    assert got["ContentType"] == "text/odd"


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
def test_a_chunked_body_without_a_length(emulator: EmulatorProcess, bucket: str, body: bytes) -> None:
    pieces = (body[start : start + 1000] for start in range(0, len(body), 1000))
    put = requests.put(url(emulator, bucket, "key"), data=pieces, timeout=PATIENCE)
    assert put.status_code == 200
    assert emulator.get(bucket, "key") == body


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
def test_aws_chunked_with_a_checksum_behind(emulator: EmulatorProcess, bucket: str, body: bytes) -> None:
    """As boto3 and the other SDKs send it over https."""
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(chunk), chunk)
        for start in range(0, len(body), 65536)
        for chunk in [body[start : start + 65536]]
    )
    checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))
    sent = chunks + b"0\r\nx-amz-checksum-crc32:%b\r\n\r\n" % checksum
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": str(len(body)),
        "x-amz-sdk-checksum-algorithm": "CRC32",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    put = requests.put(url(emulator, bucket, "key"), data=sent, headers=headers, timeout=PATIENCE)
    assert put.status_code == 200, put.text
    assert emulator.get(bucket, "key") == body


def test_expect_100_continue(emulator: EmulatorProcess, bucket: str) -> None:
    target = urlsplit(url(emulator, bucket, "key"))
    connection = http.client.HTTPConnection(target.netloc, timeout=PATIENCE)
    connection.putrequest("PUT", target.path)
    connection.putheader("Content-Length", str(len(LARGE)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.sock.recv(1000).startswith(b"HTTP/1.1 100")
    connection.send(LARGE)
    assert connection.getresponse().status == 200
    connection.close()
    assert emulator.get(bucket, "key") == LARGE


def test_an_upload_in_parts_and_a_download_in_ranges(
    emulator: EmulatorProcess, bucket: str, tmp_path: Path
) -> None:
    s3 = emulator.client("s3")
    body = os.urandom(12 * 2**20 + 5)
    (tmp_path / "up").write_bytes(body)
    config = TransferConfig(multipart_threshold=2**20, multipart_chunksize=5 * 2**20)
    s3.upload_file(str(tmp_path / "up"), bucket, "parts", Config=config)
    assert s3.head_object(Bucket=bucket, Key="parts")["ETag"].endswith('-3"')
    s3.download_file(bucket, "parts", str(tmp_path / "down"), Config=config)
    assert (tmp_path / "down").read_bytes() == body


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("bytes=0-0", slice(0, 1)), ("bytes=5-9", slice(5, 10)), ("bytes=699990-", slice(-10, None)),
     ("bytes=-7", slice(-7, None)), ("bytes=10-99999999", slice(10, None))],
)  # fmt: skip
def test_a_range(emulator: EmulatorProcess, bucket: str, asked: str, expected: slice) -> None:
    emulator.client("s3").put_object(Bucket=bucket, Key="key", Body=LARGE)
    got = emulator.client("s3").get_object(Bucket=bucket, Key="key", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == LARGE[expected]


def test_a_range_beyond_the_end_is_refused(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    s3.put_object(Bucket=bucket, Key="key", Body=b"ten bytes.")
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="key", Range="bytes=10-")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416


def test_metadata_with_an_underscore(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    metadata = {"my_key": "1", "other-key": "2"}
    s3.put_object(Bucket=bucket, Key="key", Body=LARGE, Metadata=metadata)
    assert s3.head_object(Bucket=bucket, Key="key")["Metadata"] == metadata


def test_a_copy(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    s3.put_object(Bucket=bucket, Key="key", Body=LARGE)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "key"})
    s3.put_object(Bucket=bucket, Key="key", Body=b"other")
    assert emulator.get(bucket, "copy") == LARGE


def test_a_presigned_address(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    where = {"Bucket": bucket, "Key": "key"}
    put: Any = requests.put(s3.generate_presigned_url("put_object", where), data=LARGE, timeout=PATIENCE)
    assert put.status_code == 200
    got = requests.get(s3.generate_presigned_url("get_object", where), timeout=PATIENCE)
    assert got.content == LARGE


def test_what_is_not_there(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="none")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.put_object(Bucket="no-such-bucket-at-all", Key="key", Body=LARGE)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
