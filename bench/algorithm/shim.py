"""sagemaker-shim, installed for the run and started as its users' images start it.

In a venv of its own: it is nothing that we depend on, and what it brings along is its own affair.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from bench import BenchError
from bench.servers import tail
from tests.support.s3 import S3Server
from tests.support.server import free_port, wait_until

PACKAGE = "sagemaker-shim"

_PATIENCE_SECONDS = 60
_INSTALL_SECONDS = 600

# Its own command, but on a free port of loopback: it has no setting for either.
_START = """
import sys, uvicorn
run = uvicorn.run
uvicorn.run = lambda **given: run(**given | {"host": "127.0.0.1", "port": int(sys.argv[1])})
from sagemaker_shim.cli import cli
cli(["serve"])
"""
_VERSIONS = """
import platform
from importlib.metadata import version
print(f"sagemaker-shim {version('sagemaker-shim')}, Python {platform.python_version()}")
"""


def pythons() -> list[str]:
    """This one; and 3.12, the one that the newest releases want, where it is another one and runs."""
    found = [sys.executable]
    newer = shutil.which("python3.12")
    if newer is not None and sys.version_info[:2] != (3, 12):
        works = subprocess.run([newer, "-c", ""], capture_output=True, timeout=_PATIENCE_SECONDS)
        if works.returncode == 0:
            found.append(newer)
    return found


def install(python: str, folder: Path) -> Path:
    """Install its newest release for this Python; returns the one that has it. BenchError where it fails."""
    _output([python, "-m", "venv", str(folder)])
    there = folder / "bin" / "python"
    _output([str(there), "-m", "pip", "install", "--quiet", PACKAGE])
    return there


def version(python: Path) -> str:
    """What is measured, in words: its release, and the Python that it runs on."""
    return _output([str(python), "-c", _VERSIONS]).strip()


@contextmanager
def running(python: Path, argv: str, server: S3Server, bucket: str, home: Path) -> Iterator[int]:
    """Start it with this program (a JSON list), all of its folders in home; gives its port on 127.0.0.1."""
    port = free_port()
    log = home / "stderr-shim"
    with log.open("wb") as stderr, (home / "stdout-shim").open("wb") as stdout:
        process = subprocess.Popen(
            [str(python), "-c", _START, str(port)],
            env=_environment(argv, server, bucket, home),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        try:
            try:
                wait_until(lambda: process.poll() is not None or _pings(port), f"a healthy {PACKAGE}")
            except AssertionError as error:
                raise BenchError(str(error)) from None
            if process.poll() is not None:
                raise BenchError(f"it ended with {process.returncode}: {tail(log, 1)}")
            yield port
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(argv: str, server: S3Server, bucket: str, home: Path) -> dict[str, str]:
    """What an image for Grand Challenge sets. The folders that it empties must be none but these."""
    names = ("INPUT_PATH", "OUTPUT_PATH", "LINKED_INPUT_PARENT", "MODEL_DEST", "GROUND_TRUTH_DEST")
    said = {name: str(home / name.lower().replace("_", "-")) for name in names}
    for folder in said.values():
        Path(folder).mkdir()
    said |= {
        "CMD_B64J": base64.b64encode(argv.encode()).decode(),
        "WRITABLE_DIRECTORIES": said["OUTPUT_PATH"],
        "POST_CLEAN_DIRECTORIES": said["OUTPUT_PATH"],
        "RUNTIME_OUTPUT_BUCKET_NAME": bucket,
        "RUNTIME_OUTPUT_PREFIX": f"{home.name}/",
    }
    environ = {f"GRAND_CHALLENGE_COMPONENT_{name}": value for name, value in said.items()}
    own = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    return own | environ | server.environment() | {"AWS_S3_ENDPOINT_URL": server.url}


def _pings(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except ConnectionRefusedError:
        return False
    finally:
        connection.close()


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(str(error)) from None
    if done.returncode != 0:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise BenchError(f"{' '.join(command[1:4])} failed: {''.join(last)}")
    return done.stdout
