"""CreateBucket accepts the names that S3 accepts."""

from __future__ import annotations

import pytest
import requests

from tests.support.emulator import EmulatorProcess
from tests.support.server import PATIENCE


# Not with boto3, which refuses some names itself.
@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Capitals",
        "under_score",
        "spa%20ce",
        "ümlaut",
        "-hyphen",
        "hyphen-",
        ".period",
        "period.",
        "two..periods",
        "192.168.5.4",
        "xn--name",
        "sthree-name",
        "amzn-s3-demo-name",
        "name-s3alias",
        "name--ol-s3",
        "name.mrap",
        "name--x-s3",
        "name--table-s3",
    ],
)
def test_invalid_names_are_refused(emulator: EmulatorProcess, name: str) -> None:
    refused = requests.put(f"{emulator.address}/{name}", timeout=PATIENCE)
    assert refused.status_code == 400
    assert "<Code>InvalidBucketName</Code><Message>The specified bucket is not valid: " in refused.text
    assert name not in [each["Name"] for each in emulator.client("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize("name", ["abc", "a" * 63, "1.2.3", "with.period-and-hyphen", "0--0", "a.-b"])
def test_valid_names_are_accepted(emulator: EmulatorProcess, name: str) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name)
    assert name in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    s3.delete_bucket(Bucket=name)
