"""S3 on loopback for the tests: rclone, a real server of the protocol, and moto for what that one lacks.

What `rclone serve s3` does: checks signatures, Content-MD5 (BadDigest) and the ETags named to Complete;
keeps Content-Type and metadata; ranges; multipart with AWS's ETags for the parts and in Complete's
answer; lists and aborts uploads; an upload is visible as a whole or not at all.
What it lacks, or does otherwise than S3:
- If-Match, If-None-Match and the x-amz-checksum-* headers are ignored; there is no encryption, no
  versions, no ListParts, and no access denied but by a wrong signature.
- The ETag of an object that came in parts is the MD5 of the whole: HEAD has no "...-3".
- A part whose Content-MD5 does not match, or whose ETag is wrong in Complete, ends the whole upload:
  NoSuchUpload from then on. S3 lets the part be sent again.
- A part that comes early is kept in memory until those before it are there.
- A key below another object's key, or with a part longer than a file's name may be, is a 500.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from tests.support.files import everything
from tests.support.server import free_port, wait_until

REGION = "us-east-1"


class _Server:
    """What both servers have: a client of AWS's own library, which looks at them as a user would."""

    access_key = "testing-access"
    secret_key = "testing-secret"

    def __init__(self) -> None:
        self.url = ""

    def environment(self) -> dict[str, str]:
        """What points boto3 and whatever follows its settings here."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": self.url,
        }

    @functools.cached_property
    def client(self) -> Any:
        """A boto3 client: it tries once, and adds no checksums of its own accord."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def make_bucket(self, bucket: str) -> None:
        self.client.create_bucket(Bucket=bucket)

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def get(self, bucket: str, key: str) -> bytes | None:
        """The object's bytes, None where there is no such object."""
        try:
            return bytes(self.client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def uploads(self, bucket: str) -> list[str]:
        """The keys of the multipart uploads that were begun and neither completed nor aborted."""
        try:
            answer = self.client.list_multipart_uploads(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchUpload":  # rclone's way of saying none
                return []
            raise
        return [upload["Key"] for upload in answer.get("Uploads", [])]


class S3Server(_Server):
    """rclone over a folder, whose folders are the buckets and whose files are the objects.

    A file put into the folder directly is an object at once. As a context manager: it answers from the
    start on, and is ended at the end.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """options: of rclone's own, which count rather than ours."""
        super().__init__()
        self._options = options
        self.folder = folder / "buckets"
        self._log = folder / "rclone.log"
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(Path(sys.executable).parent / "rclone"), "serve", "s3", str(self.folder)]
        command += ["--addr", f"127.0.0.1:{self._port}", "--auth-key", f"{self.access_key},{self.secret_key}"]
        # Not 0s: with it rclone never ends to list folders that are ten or so below each other.
        command += ["--config", "/dev/null", "--vfs-cache-mode", "off", "--dir-cache-time", "1ms"]
        command += self._options
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self._answers, "rclone serve s3")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # it holds nothing that is worth a clean end, and that takes a second
        self._process.wait()

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return requests.get(self.url, timeout=5).status_code > 0
        except requests.ConnectionError:
            return False

    def make_bucket(self, bucket: str) -> None:
        (self.folder / bucket).mkdir()

    def leftovers(self) -> list[str]:
        """The files of uploads that have not ended: the server hides them from its lists."""
        return [str(path) for path in everything(self.folder) if path.name.startswith(".rclone_temp_")]


class MotoServer(_Server):
    """moto in this process: If-Match, checksums, encryption, ListParts. It checks no signature."""

    def __enter__(self) -> Self:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
