"""Tasks for a real serve, whose programs come as an input: each brings its own script for the shell."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.s3 import S3Server
from tests.support.server import CHECKOUT, PATIENCE, Server, environment

INVOKE = CHECKOUT / "container" / "invoke"
INPUTS, OUTPUTS = "inputs", "outputs"  # the buckets
RESULT = ".sagemaker_shim/inference_result.json"
SCRIPT = "program.sh"
RUN_SCRIPT = json.dumps(["/bin/sh", f"{{input}}/{SCRIPT}"])  # an ALGORITHM_COMMAND
AS_OURSELVES = {"ALGORITHM_USER": "root"} if os.geteuid() == 0 else {}
KEY = "5ec3e7" * 8  # an ALGORITHM_SIGNING_KEY_HEX


@contextlib.contextmanager
def two_buckets(folder: Path) -> Iterator[S3Server]:
    """A real S3 server with the two buckets."""
    with S3Server(folder / "s3") as s3:
        s3.make_bucket(INPUTS)
        s3.make_bucket(OUTPUTS)
        yield s3


def serve(folder: Path, s3: S3Server, wait: bool = True, **variables: str | Path | int) -> Server:
    """serve with the algorithm runner; the tasks' scripts are run unless a program is named.

    They are run as ourselves, for they read and write in the tests' own folders. The users that tasks have
    otherwise are for test_algorithm_containment.py.
    """
    if not any(name in variables for name in ("ALGORITHM_COMMAND", "GRAND_CHALLENGE_COMPONENT_CMD_B64J")):
        variables["ALGORITHM_COMMAND"] = RUN_SCRIPT
    variables = {"ALGORITHM_WORK_DIR": folder / "work", **AS_OURSELVES, **s3.environment(), **variables}
    folder.mkdir(exist_ok=True)
    return Server(folder, None, wait, None, None, (), **variables)


def task(s3: S3Server, name: str, script: str = "true", **fields: Any) -> dict[str, Any]:
    """A task of this name, which is its prefix, too. fields: what a request may have besides, or instead."""
    path = s3.folder / INPUTS / name / SCRIPT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    return {
        "pk": name,
        "inputs": [an_input(f"{name}/{SCRIPT}", SCRIPT)],
        "output_bucket_name": OUTPUTS,
        "output_prefix": name,
        **fields,
    }


def an_input(key: str, relative_path: str, bucket: str = INPUTS, **fields: Any) -> dict[str, Any]:
    return {"relative_path": relative_path, "bucket_name": bucket, "bucket_key": key, **fields}


def stored(s3: S3Server, prefix: str) -> dict[str, Any] | None:
    """The result file below this prefix, None where there is none."""
    content = s3.get(OUTPUTS, f"{prefix}/{RESULT}")
    return None if content is None else dict(json.loads(content))


def waiting_for(file: Path) -> str:
    """A line of a script that waits until this file is there."""
    return f"while [ ! -e '{file}' ]; do sleep 0.02; done\n"


def lines(file: Path) -> list[str]:
    """What scripts have appended to this file."""
    return file.read_text().splitlines() if file.exists() else []


def invoke(
    s3: S3Server, *arguments: str, command: str = RUN_SCRIPT, **variables: str
) -> subprocess.CompletedProcess[str]:
    """container/invoke, run to its end."""
    return subprocess.run(
        [INVOKE, *arguments],
        env=environment(**{"ALGORITHM_COMMAND": command, **AS_OURSELVES, **s3.environment(), **variables}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def metric(server: Server, name: str) -> float:
    """The value of one line of /metrics, 0 where it is not there yet. name: with its labels."""
    page = server.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in page if line.startswith(f"{name} ")), 0.0)
