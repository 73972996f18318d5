"""Uploads by AWS's own clients: boto3 with and without its native transfers, the AWS CLI, and the SDK for
JavaScript.
"""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from boto3.s3.transfer import TransferConfig
from s3transfer import crt

from tests.support import clients
from tests.support.emulator import REGION, EmulatorProcess

LARGE = os.urandom(12 * 2**20 + 5)
ODD_KEYS = ["dt=2024%3A01/p.csv", "a?b", "a#b", "a+b c", "a//b", "ü/💩"]
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128"]


@pytest.fixture
def bucket(emulator: EmulatorProcess, name: str) -> str:
    emulator.client("s3").create_bucket(Bucket=name)
    return name


def test_uploads_of_the_javascript_sdk(emulator: EmulatorProcess, bucket: str) -> None:
    assert clients.javascript(emulator, "uploads.mjs", bucket).splitlines()[-1] == "all"


def test_transfers_of_boto3(emulator: EmulatorProcess, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(LARGE)
    config = TransferConfig(multipart_threshold=2**20, multipart_chunksize=5 * 2**20)
    s3 = emulator.client("s3")
    for key in ("parts", *ODD_KEYS):
        s3.upload_file(str(tmp_path / "up"), bucket, key, Config=config)
        s3.download_file(bucket, key, str(tmp_path / "down"), Config=config)
        assert (tmp_path / "down").read_bytes() == LARGE
    assert emulator.keys(bucket) == sorted(["parts", *ODD_KEYS])


def test_transfers_of_the_common_runtime(emulator: EmulatorProcess, bucket: str, tmp_path: Path) -> None:
    """The native client that boto3 and the AWS CLI use on large instances."""
    (tmp_path / "up").write_bytes(LARGE)
    session = botocore.session.Session()
    session.set_credentials("longshore", "longshore")
    settings = {"endpoint_url": emulator.address, "region_name": REGION}
    credentials = crt.BotocoreCRTCredentialsWrapper(session.get_credentials())
    client = crt.create_s3_crt_client(
        REGION, credentials.to_crt_credentials_provider(), use_ssl=False, part_size=5 * 2**20
    )
    serializer = crt.BotocoreCRTRequestSerializer(session, settings)
    with crt.CRTTransferManager(client, serializer) as manager:
        for key in ("parts", *ODD_KEYS):
            manager.upload(str(tmp_path / "up"), bucket, key).result()
            down = io.BytesIO()  # a file would get its name after the result is there
            manager.download(bucket, key, down).result()
            assert down.getvalue() == LARGE
    assert emulator.keys(bucket) == sorted(["parts", *ODD_KEYS])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_checksums_of_boto3(emulator: EmulatorProcess, bucket: str, algorithm: str) -> None:
    """boto3 computes them where it can, and verifies what it gets."""
    s3 = emulator.client("s3")
    put = s3.put_object(Bucket=bucket, Key="key", Body=LARGE, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert got["Body"].read() == LARGE
    assert put[f"Checksum{algorithm}"] == got[f"Checksum{algorithm}"]


def test_transfers_of_the_aws_cli(emulator: EmulatorProcess, bucket: str, tmp_path: Path) -> None:
    python = clients.python(clients.AWS_CLI)
    aws: list[Any] = [python, python.with_name("aws"), "s3"]
    tree = tmp_path / "tree"
    for key in ("dt=2024%3A01/p.csv", "a?b", "a#b", "a+b c", "large"):
        (tree / key).parent.mkdir(parents=True, exist_ok=True)
        (tree / key).write_bytes(LARGE if key == "large" else key.encode())
    tree_there, moved = f"s3://{bucket}/tree", f"s3://{bucket}/moved"
    clients.run(emulator, [*aws, "sync", "--only-show-errors", tree, tree_there])
    clients.run(emulator, [*aws, "mv", "--recursive", "--only-show-errors", tree_there, moved])
    clients.run(emulator, [*aws, "sync", "--only-show-errors", moved, tmp_path / "down"])
    subprocess.run(["diff", "-r", tree, tmp_path / "down"], check=True)
    clients.run(emulator, [*aws, "cp", "-", f"s3://{bucket}/from stdin"], stdin="streamed")
    assert emulator.get(bucket, "from stdin") == b"streamed"
    clients.run(emulator, [*aws, "rm", "--recursive", "--only-show-errors", f"s3://{bucket}"])
    assert emulator.keys(bucket) == []
