"""Load on a server with wrk, and the proof, before it, that the server answers right."""

from __future__ import annotations

import http.client
import json
import math
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import BenchError
from bench.clients import as_client
from bench.processes import cpu_seconds, exact_cpu_seconds
from bench.servers import Server, tail

ROWS, COLUMNS = 10, 20
SCRIPT = Path(__file__).resolve().parent / "post.lua"
_IDLE_SHARE = 0.05  # of a core
_LOOK_SECONDS = 0.1
_IDLE_WITHIN_SECONDS = 2.0  # some servers never are

_random = random.Random(1)
TABLE = [[round(_random.uniform(-10, 10), 4) for _ in range(COLUMNS)] for _ in range(ROWS)]


@dataclass(frozen=True)
class Body:
    """What is posted, where, how to read the sums in its answer, and what they must be."""

    name: str
    media_type: str
    content: bytes
    sums: Callable[[bytes], list[float]]
    expected: Sequence[float] = tuple(map(math.fsum, TABLE))
    path: str = "/invocations"


CSV = Body(
    "CSV",
    "text/csv",
    "".join(",".join(map(str, row)) + "\n" for row in TABLE).encode(),
    lambda answer: [float(line) for line in answer.split()],
)
JSON = Body(
    "JSON",
    "application/json",
    json.dumps({"instances": TABLE}).encode(),
    lambda answer: [float(number) for number in json.loads(answer)["predictions"]],
)


@dataclass(frozen=True)
class Load:
    """One run of wrk: answers per second, the latency's percentiles, and the server's CPU time an answer."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float


def why_no_wrk() -> str | None:
    """Why nothing can be loaded on this machine, or None where it can."""
    if shutil.which("wrk"):
        return None
    return "wrk is not on PATH (on Debian and Ubuntu: apt-get install wrk)"


def check_answer(server: Server, body: Body) -> None:
    """Post the body once; raises BenchError unless the answer is a 200 with the expected sums."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(
        "POST", body.path, body.content, {"Content-Type": body.media_type, "Accept": body.media_type}
    )
    response = connection.getresponse()
    status, answer = response.status, response.read()
    connection.close()
    try:
        sums = body.sums(answer) if status == 200 else []
    except (ValueError, KeyError, TypeError, IndexError):
        sums = []
    right = len(sums) == len(body.expected) and all(
        math.isclose(a, b, abs_tol=1e-6) for a, b in zip(sums, body.expected, strict=True)
    )
    if not right:
        raise BenchError(
            f"{server.name} answered {body.name} wrongly: {status} {answer[:500]!r}, expected the sums of"
            f" {len(body.expected)} row(s).\n{tail(server.log)}"
        )


def put(server: Server, body: Body, connections: int, seconds: int, folder: Path) -> Load:
    """Post the body over so many connections for so long; raises BenchError if any request failed.

    folder is where the file that wrk reads the body from is kept.
    """
    file = folder / f"body.{body.name.lower()}"
    file.write_bytes(body.content)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    command += ["-s", str(SCRIPT), f"http://127.0.0.1:{server.port}{body.path}"]
    command += ["--", str(file), body.media_type]
    cpu_before = cpu_seconds(server.pid)
    run = subprocess.run(as_client(command), capture_output=True, text=True, timeout=seconds + 60)
    cpu = cpu_seconds(server.pid) - cpu_before
    _wait_until_idle(server)
    case = f"{server.name}, {server.workers} worker(s), {body.name}, {connections} connection(s)"
    if run.returncode != 0:
        raise BenchError(f"{case}: wrk ended with {run.returncode}: {run.stderr.strip()}")
    counted = json.loads(run.stdout.splitlines()[-1])
    kinds = ("connect", "read", "write", "timeout", "status")
    failed = {kind: counted[kind] for kind in kinds if counted[kind]}
    if failed or not counted["requests"]:
        raise BenchError(
            f"{case}: of {counted['requests']} requests some failed: {failed}.\n{tail(server.log)}"
        )
    return Load(
        requests=counted["requests"],
        per_second=counted["requests"] / (counted["microseconds"] / 1e6),
        p50_ms=counted["p50_us"] / 1e3,
        p99_ms=counted["p99_us"] / 1e3,
        max_ms=counted["max_us"] / 1e3,
        cpu_us=cpu / counted["requests"] * 1e6,
    )


def _wait_until_idle(server: Server) -> None:
    """Some still compute what was in flight when wrk left, which the next server's turn would pay for."""
    spent, given_up = exact_cpu_seconds(server.pid), time.monotonic() + _IDLE_WITHIN_SECONDS
    while time.monotonic() < given_up:
        time.sleep(_LOOK_SECONDS)
        before, spent = spent, exact_cpu_seconds(server.pid)
        if spent - before < _IDLE_SHARE * _LOOK_SECONDS:
            return
