"""Presigned URLs of S3 expire, for every method and in both signature versions."""

from __future__ import annotations

import re
import time
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config

from tests.support.emulator import REGION, EmulatorProcess
from tests.support.server import PATIENCE

METHODS = {
    "get_object": "GET",
    "head_object": "HEAD",
    "put_object": "PUT",
    "delete_object": "DELETE",
    "create_multipart_upload": "POST",
}


@pytest.fixture
def bucket(emulator: EmulatorProcess, name: str) -> str:
    emulator.put(name, key=b"content")
    return name


def client(emulator: EmulatorProcess, version: str) -> Any:
    """boto3's client with a signature version: s3v4, or s3 for version 2."""
    return boto3.client(
        "s3",
        endpoint_url=emulator.address,
        region_name=REGION,
        aws_access_key_id="longshore",
        aws_secret_access_key="longshore",
        config=Config(signature_version=version, s3={"addressing_style": "path"}),
    )


def expired(url: str) -> str:
    """Return the URL as if it had been made long ago."""
    url = re.sub(r"X-Amz-Date=\d{8}", "X-Amz-Date=20200101", url)
    return re.sub(r"(?<=[?&])Expires=\d+", "Expires=1577836800", url)


def ask(method: str, url: str) -> requests.Response:
    return requests.request(method, url, data=b"new" if method == "PUT" else None, timeout=PATIENCE)


@pytest.mark.parametrize("operation", METHODS)
@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_expired_urls_are_refused(
    emulator: EmulatorProcess, bucket: str, version: str, operation: str
) -> None:
    method = METHODS[operation]
    place = {"Bucket": bucket, "Key": "key"}
    url = client(emulator, version).generate_presigned_url(operation, place, ExpiresIn=3600)
    refused = ask(method, expired(url))
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, "AccessDenied")
    if method != "HEAD":
        assert "<Code>AccessDenied</Code><Message>Request has expired</Message>" in refused.text
        assert "<Expires>2020-01-01T" in refused.text and "<ServerTime>" in refused.text
    assert emulator.get(bucket, "key") == b"content"
    assert ask(method, url).ok


def test_expired_lists_of_a_bucket_are_refused(emulator: EmulatorProcess, bucket: str) -> None:
    url = emulator.client("s3").generate_presigned_url("list_objects_v2", {"Bucket": bucket})
    assert ask("GET", url).ok
    assert ask("GET", expired(url)).status_code == 403


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("X-Amz-Signature=0&X-Amz-Date=NOW", 400, "X-Amz-Expires should be a number"),
        ("X-Amz-Signature=0&X-Amz-Date=NOW&X-Amz-Expires=soon", 400, "X-Amz-Expires should be a number"),
        ("X-Amz-Signature=0&X-Amz-Date=NOW&X-Amz-Expires=0", 400, "between 1 second and a week"),
        ("X-Amz-Signature=0&X-Amz-Date=NOW&X-Amz-Expires=604801", 400, "between 1 second and a week"),
        ("X-Amz-Signature=0&X-Amz-Date=today&X-Amz-Expires=60", 400, "X-Amz-Date must be"),
        ("X-Amz-Signature=0&X-Amz-Expires=60", 400, "X-Amz-Date must be"),
        ("AWSAccessKeyId=a&Signature=0&Expires=soon", 403, "Invalid date"),
        (f"AWSAccessKeyId=a&Signature=0&Expires={'9' * 20}", 403, "Invalid date"),
        ("AWSAccessKeyId=a&Signature=0", 403, "Invalid date"),
    ],
)
def test_malformed_times_are_refused(
    emulator: EmulatorProcess, bucket: str, query: str, status: int, message: str
) -> None:
    query = query.replace("NOW", time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    refused = ask("GET", f"{emulator.address}/{bucket}/key?{query}")
    assert refused.status_code == status and message in refused.text.replace("&quot;", '"')
