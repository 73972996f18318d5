"""A process of another user of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.server import PATIENCE

OTHER = 65534  # nobody
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

# In a folder that every user may read, unlike a virtual environment's.
_PYTHON = str(Path(sys.executable).resolve())


def as_other(script: str, *arguments: str, before: tuple[str, ...] = ()) -> str:
    """What a script of the standard library prints. before: the command that runs it."""
    done = subprocess.run(
        [*before, _PYTHON, "-I", "-c", script, *arguments],
        user=OTHER,
        group=OTHER,
        extra_groups=[],
        cwd="/",
        env={},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def started_as_other(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A script of the standard library that runs meanwhile, with pipes as its stdin and stdout."""
    with subprocess.Popen(
        [_PYTHON, "-I", "-c", script, *arguments],
        user=OTHER,
        group=OTHER,
        extra_groups=[],
        cwd="/",
        env={},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
