"""moto's own tests of S3, from the source archive of the release that is installed, against any server."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import environments
from longshore.common.tar import tarfile
from tests.support.server import CHECKOUT, environment

_RELEASE = "5.2.5"
_SHA256 = "391857257d5dac144334013c2c10e599def5f0562f553e979160140bd7bd9cf6"
_NEEDED = (
    "tests/__init__.py",
    "tests/conftest.py",
    "tests/markers.py",
    "tests/test_s3/",
    "tests/test_awslambda/",
)
_SECONDS = 900


@cache
def _archive() -> Path | str:
    """The archive, or why there is none."""
    assert version("moto") == _RELEASE, (
        "name the release of requirements-dev.txt here, and its archive's hash"
    )
    folder = environments.cache()
    path = folder / f"moto-{_RELEASE}.tar.gz"
    if not path.exists():
        wanted = folder / f"moto-{_RELEASE}.txt"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            wanted.write_text(f"moto=={_RELEASE} --hash=sha256:{_SHA256}\n")
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
            pip += ["--no-deps", "--no-binary", ":all:", "--require-hashes"]
            done = subprocess.run(
                [*pip, "--dest", folder, "-r", wanted], capture_output=True, text=True, timeout=_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"moto's source archive cannot be had here: {error}"
        if done.returncode != 0:
            return f"moto's source archive cannot be had here: {done.stderr.strip().splitlines()[-1]}"
    return path


def extract(folder: Path) -> None:
    """Put the tests into a folder; skips if their archive cannot be had."""
    found = _archive()
    if isinstance(found, str):
        pytest.skip(found)
    with tarfile.open(found) as archive:
        for member in archive:
            member.name = member.name.partition("/")[2]
            if member.name.startswith(_NEEDED):
                archive.extract(member, folder, filter="data")


def run(
    folder: Path, endpoint: str, selected: list[str], *left_out: str, plugin: str | None = None
) -> dict[str, str]:
    """Run tests of a folder. Tests go by FILE.py or FILE.py::NAME.

    Returns:
        "passed", "failed" or "skipped" of each.
    """
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".xml", delete=False) as file:
        report = Path(file.name)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command += [f"tests/test_s3/{name}" for name in selected]
    command += [f"--deselect=tests/test_s3/{name}" for name in left_out]
    if plugin:
        command += ["-p", plugin]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(
            TEST_SERVER_MODE="true",
            TEST_SERVER_MODE_ENDPOINT=endpoint,
            AWS_ACCESS_KEY_ID="longshore",
            AWS_SECRET_ACCESS_KEY="longshore",
            AWS_DEFAULT_REGION="us-east-1",
            PYTHONPATH=CHECKOUT / "tests" / "clients",
        ),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    results = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        result = "skipped" if kinds == {"skipped"} else "failed" if kinds else "passed"
        results[f"{case.attrib['classname'].rpartition('.')[2]}.py::{case.attrib['name']}"] = result
    return results
