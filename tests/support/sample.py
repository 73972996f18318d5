"""The template as it is shipped, with the sample's files wherever a user of the template has their own.

The tests of the project use these files, so that they pass in a checkout whose model.py is the user's.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.server import CHECKOUT

SAMPLE = CHECKOUT / "tests" / "sample"
TEST_DIR = SAMPLE / "local_test" / "test_dir"
PAYLOAD = SAMPLE / "local_test" / "payload.csv"
# What belongs to the project, not to its users.
_FILES = ("Dockerfile", ".dockerignore", "nginx.conf", "requirements.txt", "requirements.lock")
_PROGRAMS = ("serve", "train", "invoke", "longshore_runtime")


def container(target: Path) -> Path:
    """Copy container/ with the sample's files; returns target, which must not exist."""
    shutil.copytree(SAMPLE / "container", target)
    for name in _PROGRAMS:
        _copy(CHECKOUT / "container" / name, target / name)
    return target


def checkout(target: Path) -> Path:
    """Copy all that serving, training and building an image need; returns target."""
    target.mkdir(exist_ok=True)
    for name in _FILES:
        _copy(CHECKOUT / name, target / name)
    container(target / "container")
    local_test(target / "local_test")
    return target


def local_test(target: Path) -> Path:
    """Copy local_test/ with the sample's payloads and data; returns target, which must not exist."""
    shutil.copytree(SAMPLE / "local_test", target)
    for script in (CHECKOUT / "local_test").glob("*.sh"):
        _copy(script, target / script.name)
    for name in ("model", "output"):
        (target / "test_dir" / name).mkdir()
    return target


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
