"""A virtualenv for each of the other servers, since what they require does not go together.

Made once, in a folder of the user's cache, from one file of bench/peers/requirements/; made again when that
file or the image's own requirements.txt changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import BenchError
from bench.servers import HERE

_REQUIREMENTS = HERE / "peers" / "requirements"
_INSTALL_SECONDS = 900
_DONE = "installed"  # the last file that is written


def cache() -> Path:
    """Where the virtualenvs are."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "longshore-bench"


def python(name: str) -> Path:
    """The Python that has requirements/<name>.txt. BenchError where they cannot be installed on this one."""
    wanted = _REQUIREMENTS / f"{name}.txt"
    both = wanted.read_bytes() + (HERE.parent / "requirements.txt").read_bytes()
    release = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache() / f"{name}-{release}-{hashlib.sha256(both).hexdigest()[:12]}"
    there = folder / "bin" / "python"
    if not (folder / _DONE).exists():
        print(f"Installing {name} in {folder}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(there), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "-r", str(wanted)])
        (folder / _DONE).touch()
    return there


def versions(python: Path, packages: Sequence[str]) -> str:
    """The releases of these packages that this Python has, in words."""
    code = (
        "import json, sys; from importlib.metadata import version;"
        "print(json.dumps([version(name) for name in sys.argv[1:]]))"
    )
    said = json.loads(_run([str(python), "-c", code, *packages]))
    return ", ".join(f"{name} {release}" for name, release in zip(packages, said, strict=True))


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(str(error)) from None
    if done.returncode != 0:
        last = [line.strip() for line in done.stderr.splitlines() if line.strip()][-1:]
        raise BenchError(f"{' '.join(command[1:4])}: {''.join(last)}")
    return done.stdout
