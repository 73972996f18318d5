"""What the emulator adds to the program's own time, request by request, with and without boto3."""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.emulator.process import IMAGE, ROLE, Emulator, connected, post
from bench.measure import say

SIZES = {"100 bytes": (100, 200), "100 KB": (100_000, 100), "5 MB": (5_000_000, 15)}
STRAIGHT, THROUGH, BOTO3 = "straight to the program", "through the emulator", "through it, with boto3"


@dataclass(frozen=True)
class Invocations:
    """Requests of one size, one way. Milliseconds a request."""

    way: str
    size: str
    p50_ms: float
    p99_ms: float


def measure(emulator: Emulator, rounds: int) -> list[Invocations]:
    """One client, a kept connection, the ways in turns."""
    sagemaker, runtime = emulator.client("sagemaker"), emulator.client("sagemaker-runtime")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig={"Delay": 1})
    told = json.loads(runtime.invoke_endpoint(EndpointName="e", Body=b"busy?")["Body"].read())
    found = []
    with (
        contextlib.closing(connected(f"127.0.0.1:{told['port']}")) as straight,
        contextlib.closing(connected(urlsplit(emulator.address).netloc)) as through,
    ):
        ways: dict[str, Callable[[bytes], object]] = {
            STRAIGHT: lambda body: post(straight, "/invocations", body),
            THROUGH: lambda body: post(through, "/endpoints/e/invocations", body),
            BOTO3: lambda body: runtime.invoke_endpoint(EndpointName="e", Body=body)["Body"].read(),
        }
        for size, (length, calls) in SIZES.items():
            taken: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, ask in ways.items():
                    for _ in range(calls):
                        began = time.perf_counter()
                        ask(b"x" * length)
                        taken[way].append((time.perf_counter() - began) * 1000)
            for way, times in taken.items():
                p99 = statistics.quantiles(times, n=100)[98]
                found.append(Invocations(way, size, statistics.median(times), p99))
                say(f"{size}, {way}: p50 {found[-1].p50_ms:.2f} ms, p99 {p99:.2f} ms")
    sagemaker.delete_endpoint(EndpointName="e")
    return found
