"""AWS's own clients, unchanged, each in a virtualenv of its own, with nothing but the environment set."""

from __future__ import annotations

import hashlib
import shutil
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


@cache
def _javascript() -> Path | str:
    """The folder with the AWS SDK for JavaScript, or why there is none."""
    if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
        return f"the AWS SDK for JavaScript: {' and '.join(missing)} missing"
    files = [CLIENTS / "javascript" / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    folder = environments.cache() / f"javascript-{digest[:12]}"

    def install() -> None:
        folder.mkdir()
        for file in files:
            shutil.copy(file, folder)
        environments.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)

    try:
        environments.made_once(folder, install)
    except (BenchError, OSError) as error:
        return f"the AWS SDK for JavaScript cannot be installed here: {error}"
    return folder


def javascript(emulator: EmulatorProcess, script: str, *arguments: str) -> str:
    """What a script of tests/clients/javascript says on stdout; skips where its SDK cannot be had."""
    folder = _javascript()
    if isinstance(folder, str):
        pytest.skip(folder)
    # From stdin, because Node.js looks for modules beside the script that imports them.
    text = (CLIENTS / "javascript" / script).read_text()
    return run(emulator, ["node", "--input-type=module", "-", *arguments], cwd=folder, stdin=text)


def environment_of(emulator: EmulatorProcess, **variables: str | Path | int) -> dict[str, str]:
    """Return the environment in which AWS's clients use this emulator."""
    return environment(
        AWS_ENDPOINT_URL=emulator.address,
        AWS_ACCESS_KEY_ID="longshore",
        AWS_SECRET_ACCESS_KEY="longshore",
        AWS_DEFAULT_REGION=REGION,
        AWS_REGION=REGION,
        **variables,
    )


def run(
    emulator: EmulatorProcess,
    command: list[str | Path],
    *programs: Path,
    cwd: Path = CHECKOUT,
    stdin: str | None = None,
) -> str:
    """What a client says on stdout, run in the checkout. programs: folders that are first on PATH."""
    environ = environment_of(emulator, PYTHONUNBUFFERED=1)
    environ["PATH"] = ":".join([*map(str, programs), environ["PATH"]])
    done = subprocess.run(
        command, cwd=cwd, env=environ, input=stdin, capture_output=True, text=True, timeout=_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
