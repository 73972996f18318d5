"""A transform of many lines beside the same mini-batches posted straight, and memory by the input's size."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import BenchError
from bench.emulator.process import IMAGE, ROLE, Emulator, busy, connected, emulator, post, program
from bench.measure import say

LINES, LINE = 100_000, b"5.1,3.5,1.4,0.2," + b"0" * 83 + b"\n"
LINE_US = 50  # of the program's work a line
CONCURRENCY, PAYLOAD = 2, 1 << 20
MEMORY_MB = (64, 1024)  # of 2**20 bytes
_BUCKET = "bench"


@dataclass(frozen=True)
class Transform:
    """share: of the time from the first request to the last answer, that the program was answering one."""

    way: str
    lines_per_second: float
    share: float


def measure(running: Emulator, rounds: int, folder: Path) -> list[Transform]:
    """The transform and the straight posts, in turns."""
    body = LINE * LINES
    path = folder / "lines.csv"
    path.write_bytes(body)
    _prepare(running, path, "lines/in", {"LINE_US": str(LINE_US)})
    fit = PAYLOAD // len(LINE) * len(LINE)
    batches = [body[start : start + fit] for start in range(0, len(body), fit)]
    found = []
    for number in range(rounds):
        found += [_transformed(running, number), _straight(batches)]
        for one in found[-2:]:
            say(f"{one.way}: {one.lines_per_second:,.0f} lines/s, busy {one.share:.1%}")
    return found


def peaks(folder: Path) -> dict[int, float]:
    """The emulator's peak memory, MB, when it has taken, transformed and stored an input of so many MiB."""
    found = {}
    for size in MEMORY_MB:
        path = folder / "large.csv"
        with path.open("wb") as file:
            for _ in range(size):
                file.write((LINE * (2**20 // len(LINE) + 1))[: 2**20 - 1] + b"\n")
        with emulator() as running:
            _prepare(running, path, "large/in", {})
            _run(running, "large", "large", "large/in", 6)
            found[size] = running.peak_mb()
        path.unlink()
        say(f"an input of {size} MiB: the emulator's peak is {found[size]:.0f} MB")
    return found


def _prepare(running: Emulator, path: Path, key: str, environment: dict[str, str]) -> None:
    s3 = running.client("s3")
    s3.create_bucket(Bucket=_BUCKET)
    s3.upload_file(str(path), _BUCKET, key)
    running.client("sagemaker").create_model(
        ModelName=key.partition("/")[0],
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "Environment": environment},
    )


def _run(running: Emulator, job: str, model: str, key: str, payload_mb: int) -> None:
    sagemaker = running.client("sagemaker")
    source: dict[str, Any] = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{_BUCKET}/{key}"}
    sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=model,
        BatchStrategy="MultiRecord",
        MaxConcurrentTransforms=CONCURRENCY,
        MaxPayloadInMB=payload_mb,
        TransformInput={"DataSource": {"S3DataSource": source}, "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{_BUCKET}/out/{job}"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    sagemaker.get_waiter("transform_job_completed_or_stopped").wait(
        TransformJobName=job, WaiterConfig={"Delay": 1}
    )
    found = sagemaker.describe_transform_job(TransformJobName=job)
    if found["TransformJobStatus"] != "Completed":
        raise BenchError(f"the transform has failed: {found.get('FailureReason')}")


def _transformed(running: Emulator, number: int) -> Transform:
    job = f"lines-{number}"
    _run(running, job, "lines", "lines/in", PAYLOAD >> 20)
    answer = running.client("s3").get_object(Bucket=_BUCKET, Key=f"out/{job}/in.out")["Body"].read()
    if answer.count(b"\n") != LINES:
        raise BenchError(f"{LINES} lines went in, and {answer.count(10)} came out")
    return _told(running, job)


def _told(running: Emulator, job: str) -> Transform:
    """What the program said at its end, in the job's log."""
    logs = running.client("logs")
    found = logs.filter_log_events(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=f"{job}/"
    )["events"]
    words = [event["message"].split() for event in found if event["message"].startswith("busy ")]
    if not words:
        raise BenchError(f"the program of {job} has not said how busy it was")
    answering, of = float(words[-1][1]), float(words[-1][2])
    return Transform("transform job", LINES / of, answering / of)


def _straight(batches: list[bytes]) -> Transform:
    with program(LINE_US) as host, ThreadPoolExecutor(CONCURRENCY) as pool:
        waiting = list(reversed(batches))

        def send() -> None:
            with contextlib.closing(connected(host)) as connection:
                while True:
                    try:
                        batch = waiting.pop()
                    except IndexError:
                        return
                    post(connection, "/invocations", batch)

        for future in [pool.submit(send) for _ in range(CONCURRENCY)]:
            future.result()
        told = busy(host)
    return Transform("straight to the program", LINES / told["of"], told["busy"] / told["of"])
