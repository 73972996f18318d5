"""A real `longshore emulate` on a free port of loopback, and boto3 as its client."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import boto3
import requests
from botocore.config import Config

from tests.support.server import CHECKOUT, PATIENCE, environment, wait_until

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/longshore"
JOBS = CHECKOUT / "tests" / "jobs"
ENDED = ("Completed", "Failed", "Stopped")


class EmulatorProcess:
    """Started when made; close() ends it and checks that it ended well.

    Args:
        folder: Where its files are.
        options: Options of `longshore emulate`.
        program: The module that is `longshore`.
        variables: Variables of its environment.
    """

    running: ClassVar[set[subprocess.Popen[str]]] = set()

    def __init__(self, folder: Path, *options: str, program: str = "longshore", **variables: str) -> None:
        self._folder = folder
        self._log = folder / "emulator.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, "emulate", "--port", "0", *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(PYTHONPATH=CHECKOUT, TMPDIR=folder, **variables),
            )
        self.running.add(self.process)
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.strip() == "ready":
                break
        else:
            raise AssertionError(f"the emulator ended: {''.join(said)}{self.log}")
        self.said = "".join(said)
        exported = next(line for line in said if "AWS_ENDPOINT_URL=" in line)
        self.address = exported.split("=", 1)[1].strip()
        self._clients: dict[str, Any] = {}

    @property
    def owner(self) -> str:
        """The mark of all that is this emulator's, while it runs or after it was killed."""
        (owned,) = self._folder.glob("longshore-emulators-*/*")
        return owned.name

    @property
    def log(self) -> str:
        """What it wrote to stderr so far."""
        return self._log.read_text()

    def client(self, service: str) -> Any:
        """boto3's, with nothing but the address and keys set."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.address,
                region_name=REGION,
                aws_access_key_id="longshore",
                aws_secret_access_key="longshore",
                config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
            )
        return self._clients[service]

    def put(self, bucket: str, **objects: bytes) -> None:
        """Objects by their keys, in a bucket that is made where it is not there."""
        self.client("s3").create_bucket(Bucket=bucket)
        for key, body in objects.items():
            self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    def get(self, bucket: str, key: str) -> bytes:
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        found = self.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for item in found.get("Contents", [])]

    def described(self, kind: str, name: str) -> dict[str, Any]:
        """kind: Training, Transform or Processing."""
        describe = getattr(self.client("sagemaker"), f"describe_{kind.lower()}_job")
        job: dict[str, Any] = describe(**{f"{kind}JobName": name})
        return job

    def ended(self, kind: str, name: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The job, once it has ended."""

        def look() -> dict[str, Any] | None:
            job = self.described(kind, name)
            return job if job[f"{kind}JobStatus"] in ENDED else None

        job: dict[str, Any] = wait_until(look, f"{kind} job {name} ends", patience)
        return job

    def log_lines(self, group: str, prefix: str) -> dict[str, list[str]]:
        """The lines of each stream whose name begins so; nothing yet where there is no such group."""
        logs = self.client("logs")
        try:
            found = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)
        except logs.exceptions.ResourceNotFoundException:
            return {}
        return {
            stream["logStreamName"]: [
                event["message"]
                for event in logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
                )["events"]
            ]
            for stream in found["logStreams"]
        }

    def page(self, path: str) -> requests.Response:
        """POST to one of the emulator's own pages."""
        return requests.post(self.address + path, timeout=PATIENCE)

    def close(self, code: int = 0) -> None:
        """SIGTERM, and away with it. code: the one it is to end with."""
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(PATIENCE) == code, self.log
        finally:
            self.process.kill()
            self.running.discard(self.process)
            assert self.process.stdout is not None
            self.process.stdout.close()
        assert "Traceback" not in self.log, self.log
