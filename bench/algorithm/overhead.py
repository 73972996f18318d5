"""A task that does nothing (`true`, no input, no output), done by ours and by sagemaker-shim, in turns.

Both serve side by side and store their result files in the same S3. Each task has a prefix of its own, so
that none is answered from what is there already.
"""

from __future__ import annotations

import json
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench import BenchError
from bench.algorithm import shim
from bench.algorithm.results import Overhead, Results
from tests.support.s3 import S3Server
from tests.support.server import Server

BUCKET = "results"
WARM = 10
_PATIENCE_SECONDS = 60
_TRUE = '["true"]'


def measure(results: Results, server: S3Server, folder: Path, tasks: int) -> None:
    """Fill results with an Overhead for each Python at hand, or with why there is none. BUCKET must exist."""
    for python in shim.pythons():
        home = folder / f"overhead-{len(results.overheads) + len(results.not_measured)}"
        home.mkdir()
        try:
            results.overheads.append(_beside(python, server, home, tasks))
        except BenchError as error:
            results.not_measured.append(f"{shim.PACKAGE} on {Path(python).name}: {error}")


def _beside(python: str, server: S3Server, home: Path, tasks: int) -> Overhead:
    there = shim.install(python, home / "venv")
    name = shim.version(there)
    work = home / "work"
    work.mkdir()
    settings: dict[str, Any] = {"ALGORITHM_COMMAND": _TRUE, "ALGORITHM_WORK_DIR": work}
    settings |= server.environment()
    with (
        Server(home, None, **settings) as ours,
        shim.running(there, _TRUE, server, BUCKET, home) as port,
    ):
        ports = {"ours": ours.port, "other": port}
        seen: dict[str, list[float]] = {who: [] for who in ports}
        for number in range(WARM + tasks):
            for who, at in ports.items():
                took = _task(at, f"{home.name}/{who}-{number}/", server)
                if number >= WARM:
                    seen[who].append(took)
    overhead = Overhead(name, seen["ours"], seen["other"])
    print(f"a task that does nothing: {overhead.ratio:.0%} of what {name} takes", file=sys.stderr)
    return overhead


def _task(port: int, prefix: str, server: S3Server) -> float:
    """Do one task, on a connection of its own; returns its milliseconds. BenchError where it is not done."""
    task = {"pk": prefix, "inputs": [], "output_bucket_name": BUCKET, "output_prefix": prefix}
    body = json.dumps(task | {"timeout": "PT1M"})
    began = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    took = (time.perf_counter() - began) * 1000
    connection.close()
    left = server.folder / BUCKET / prefix / ".sagemaker_shim" / "inference_result.json"
    if answer.status != 200 or json.loads(said)["return_code"] != 0 or not left.is_file():
        raise BenchError(f"task {prefix} was not done: {answer.status} {said[:500]!r}")
    return took
