"""Virtualenvs for what does not go together with ours: other servers (bench/peers), clients (tests/clients).

Made once, in a folder of the user's cache, from a file of requirements; made again when that file, or one
that it includes, changes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import BenchError

_INSTALL_SECONDS = 900
_DONE = "installed"  # the last file that is written


def cache() -> Path:
    """Where the virtualenvs are."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "longshore-bench"


def python(wanted: Path, *included: Path, complete: bool = False) -> Path:
    """The Python that has what this file requires. BenchError where it cannot be installed on this one.

    included: files that it includes. complete: it names every package that is needed, with its release; pip
    then looks for no other, which is faster.
    """
    text = b"".join(file.read_bytes() for file in (wanted, *included))
    release = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache() / f"{wanted.stem}-{release}-{hashlib.sha256(text).hexdigest()[:12]}"
    there = folder / "bin" / "python"
    made_once(folder, lambda: _install(wanted, folder, there, complete))
    return there


def made_once(folder: Path, make: Callable[[], None]) -> None:
    """Make a folder of the cache, unless it is complete; other processes wait. BenchError if that fails."""
    if (folder / _DONE).exists():
        return
    with _one_at_a_time(folder):
        if not (folder / _DONE).exists():  # no other process has made it while this one waited
            print(f"Installing {folder.name} in {folder.parent}", file=sys.stderr, flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            make()
            (folder / _DONE).touch()


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Of all processes that want to make this folder: tests run in several."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f"{folder.name}.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise BenchError(str(error)) from None
    with lock:
        yield


def _install(wanted: Path, folder: Path, there: Path, complete: bool) -> None:
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-m", "pip", "--python", str(there), "--disable-pip-version-check"]
    pip += ["install", "--quiet"]
    if complete:
        pip += ["--no-deps", "--no-compile"]
    run([*pip, "-r", str(wanted)])


def versions(python: Path, packages: Sequence[str]) -> str:
    """The releases of these packages that this Python has, in words."""
    code = (
        "import json, sys; from importlib.metadata import version;"
        "print(json.dumps([version(name) for name in sys.argv[1:]]))"
    )
    said = json.loads(run([str(python), "-c", code, *packages]))
    return ", ".join(f"{name} {release}" for name, release in zip(packages, said, strict=True))


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """Return what a command prints. BenchError with its last line if it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(str(error)) from None
    if done.returncode != 0:
        last = [line.strip() for line in done.stderr.splitlines() if line.strip()][-1:]
        raise BenchError(f"{' '.join(command[1:4])}: {''.join(last)}")
    return done.stdout
