"""`python -m bench.emulator`: what the emulator adds to an invocation, and how soon it is ready.

One real `longshore emulate`, one endpoint of a program that echoes, one client with a kept connection: the
same requests straight to the program's port and through InvokeEndpoint, in turns. Writes bench/emulator.md.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3

HERE = Path(__file__).parent
TALKS = HERE.parent / "tests" / "hosted" / "talks.py"
STARTS, ROUNDS = 5, 5
SIZES = {"100 bytes": (100, 200), "100 KB": (100_000, 200), "5 MB": (5_000_000, 15)}


def main() -> int:
    """Measure, print and write the page."""
    ready = statistics.median(_start_seconds() for _ in range(STARTS))
    with _emulator() as address:
        rows = _invocations(address)
    page = "\n".join(
        [
            "# What the emulator costs",
            "",
            f"Measured by `python -m bench.emulator` on {os.cpu_count()} processors.",
            "",
            f"`longshore emulate` is ready {ready:.2f} s after its start (median of {STARTS}).",
            "",
            "One client, a kept connection, a program that echoes: milliseconds a request, p50 (p99).",
            "",
            "| body | straight to the program | through InvokeEndpoint | added, p50 |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
    (HERE / "emulator.md").write_text(page)
    print(page, end="")
    return 0


@contextlib.contextmanager
def _emulator() -> Iterator[str]:
    """Its address; ready when this yields, and ended afterwards."""
    command = [sys.executable, "-m", "longshore", "emulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = ""
        for line in process.stdout:
            if "AWS_ENDPOINT_URL=" in line:
                address = line.split("=", 1)[1].strip()
            if line.strip() == "ready":
                break
        try:
            yield address
        finally:
            process.send_signal(signal.SIGTERM)


def _start_seconds() -> float:
    began = time.monotonic()
    with _emulator():
        return time.monotonic() - began


def _invocations(address: str) -> list[str]:
    sagemaker = boto3.client(
        "sagemaker",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="longshore",
        aws_secret_access_key="longshore",
    )
    sagemaker.create_model(ModelName="m", PrimaryContainer={"Image": f"host:{TALKS}"})
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig={"Delay": 1})
    through = (urlsplit(address).netloc, "/endpoints/e/invocations")
    straight = (json.loads(_post(*_connected(through), b"headers"))["Host"], "/invocations")
    rows = []
    for name, (size, calls) in SIZES.items():
        times: dict[tuple[str, str], list[float]] = {straight: [], through: []}
        for _ in range(ROUNDS):
            for target, taken in times.items():
                connection, path = _connected(target)
                for _ in range(calls):
                    began = time.perf_counter()
                    _post(connection, path, b"x" * size)
                    taken.append((time.perf_counter() - began) * 1000)
                connection.close()
        added = statistics.median(times[through]) - statistics.median(times[straight])
        rows.append(f"| {name} | {_told(times[straight])} | {_told(times[through])} | {added:.2f} |")
    return rows


def _connected(target: tuple[str, str]) -> tuple[http.client.HTTPConnection, str]:
    connection = http.client.HTTPConnection(target[0], timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection, target[1]


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body=body, headers={"Content-Type": "text/csv"})
    return connection.getresponse().read()


def _told(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ({statistics.quantiles(times, n=100)[98]:.2f})"


if __name__ == "__main__":
    sys.exit(main())
