"""A real file system that is soon full."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount one of this size ('256k', '2m') at the folder; skips the test where nothing can be mounted.

    It goes in any case: lazily, because a test that fails may leave a process with files open on it.
    """
    options = f"size={size},mode=755"
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("no small file system can be mounted here: that takes root and its capabilities")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
