"""A real `longshore emulate`, its clients, and the program that it runs."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from bench import BenchError
from bench.servers import HERE, free_port

PROGRAM = HERE / "emulator" / "program.py"
IMAGE = f"host:{PROGRAM}"
ROLE = "arn:aws:iam::123456789012:role/longshore"
_LONGSHORE = [sys.executable, "-m", "longshore"]
_PATIENCE_SECONDS = 30


class Emulator:
    """address: its URL; pid: its process; client(): boto3's."""

    def __init__(self, address: str, pid: int) -> None:
        self.address = address
        self.pid = pid

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id="longshore",
            aws_secret_access_key="longshore",
        )

    def peak_mb(self) -> float:
        """The most memory it has had, resident, in MB of 1,000,000 bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise BenchError(f"/proc/{self.pid}/status has no VmHWM")


@contextlib.contextmanager
def emulator() -> Iterator[Emulator]:
    """Ready when this yields, and ended afterwards."""
    command = [*_LONGSHORE, "emulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = ""
        for line in process.stdout:
            if "AWS_ENDPOINT_URL=" in line:
                address = line.split("=", 1)[1].strip()
            if line.strip() == "ready":
                break
        else:
            raise BenchError("longshore emulate ended before it was ready")
        try:
            yield Emulator(address, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def ready_seconds() -> float:
    """From the command until it says that it is ready."""
    began = time.monotonic()
    with emulator():
        return time.monotonic() - began


def help_seconds() -> float:
    """`longshore --help`, from start to end."""
    began = time.monotonic()
    subprocess.run([*_LONGSHORE, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


@contextlib.contextmanager
def program(line_us: float) -> Iterator[str]:
    """The program alone, without an emulator: its host and port."""
    port = free_port()
    environ = {**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port), "LINE_US": str(line_us)}
    with subprocess.Popen([sys.executable, str(PROGRAM)], env=environ) as process:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), contextlib.closing(connected(f"127.0.0.1:{port}")):
                break
            time.sleep(0.05)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def connected(host: str) -> http.client.HTTPConnection:
    """A connection that sends at once."""
    connection = http.client.HTTPConnection(host, timeout=120)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def post(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    """The answer to a body; BenchError for all but a 200."""
    connection.request("POST", path, body=body, headers={"Content-Type": "text/csv"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise BenchError(f"POST {path}: {response.status} {answer[:200]!r}")
    return answer


def busy(host: str) -> dict[str, float]:
    """What the program tells of itself."""
    with contextlib.closing(connected(host)) as connection:
        found: dict[str, float] = json.loads(post(connection, "/invocations", b"busy?"))
    return found
