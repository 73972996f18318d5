"""The programs of tests/algorithms, and what has become of their processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from longshore_runtime.runners.algorithm.program.process import Program
from longshore_runtime.runners.algorithm.program.users import Identity
from tests.support.server import CHECKOUT, PATIENCE, environment

PROGRAMS = CHECKOUT / "tests" / "algorithms"

CAP_SETUID = 7
_DOCKERS_CAPABILITIES = {0, 1, 3, 4, 5, 6, CAP_SETUID, 8, 10, 13, 18, 27, 29, 31}


def program(
    *argv: str | Path,
    folder: Path | None = None,
    identity: Identity | None = None,
    memory_mb: int | None = None,
    grace: float = 0.2,
    **variables: str,
) -> Program:
    """argv: a file of tests/algorithms, or any command, and its arguments."""
    first = PROGRAMS / argv[0]
    name = str(first) if first.is_file() else str(argv[0])
    return Program(
        (name, *map(str, argv[1:])),
        environment(**variables),
        folder,
        identity or Identity(),
        memory_mb,
        grace,
    )


def runs(pid: int) -> bool:
    """Whether this process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def in_python(code: str, before: str = "pass") -> str:
    """What this code prints in a process of its own, which runs `before` and then starts Python anew."""
    become = "import os, sys; os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    done = subprocess.run(
        [sys.executable, "-c", f"{before}; {become}", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=2 * PATIENCE,
        env=environment(PYTHONPATH=f"{CHECKOUT / 'container'}:{CHECKOUT}"),
    )
    assert done.returncode == 0
    return done.stdout


def as_root_in_a_container(code: str, without: int | None = None) -> str:
    """What this code prints, run by root with the capabilities that Docker leaves it, but for one."""
    kept = _DOCKERS_CAPABILITIES - {without}
    return in_python(
        code,
        "import ctypes; libc = ctypes.CDLL(None);"
        f"[libc.prctl(24, number, 0, 0, 0) for number in range(64) if number not in {kept}]",
    )
