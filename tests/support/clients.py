"""AWS's own clients, unchanged, each in a virtualenv of its own, with nothing but the environment set."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest

from bench import BenchError, environments
from tests.support.emulator import REGION, EmulatorProcess
from tests.support.server import CHECKOUT, environment

CLIENTS = CHECKOUT / "tests" / "clients"
AWS_CLI, SDK_2, SDK_3, SSM = "aws-cli", "sagemaker-sdk-2", "sagemaker-sdk-3", "simple-sagemaker"
_SECONDS = 240  # for a whole walk on a machine that is busy


@cache
def _python(requirements: str) -> Path | str:
    """The Python that has them, or why there is none."""
    try:
        return environments.python(CLIENTS / "requirements" / f"{requirements}.txt", complete=True)
    except BenchError as error:
        return f"{requirements} cannot be installed here: {error}"


def python(requirements: str) -> Path:
    """The Python that has them, installed when it is first asked for; skips where they cannot be."""
    found = _python(requirements)
    if isinstance(found, str):
        pytest.skip(found)
    return found


def run(emulator: EmulatorProcess, command: list[str | Path], *programs: Path) -> str:
    """What a client says on stdout, run in the checkout. programs: folders that are first on PATH."""
    environ = environment(
        AWS_ENDPOINT_URL=emulator.address,
        AWS_ACCESS_KEY_ID="longshore",
        AWS_SECRET_ACCESS_KEY="longshore",
        AWS_DEFAULT_REGION=REGION,
        PYTHONUNBUFFERED=1,
    )
    environ["PATH"] = ":".join([*map(str, programs), environ["PATH"]])
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environ, capture_output=True, text=True, timeout=_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
