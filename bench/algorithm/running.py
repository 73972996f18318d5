"""One command, run and weighed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import BenchError

PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Run:
    """What one process took, from its creation to its end.

    call_seconds: those of the transfer alone, where the process itself knows. peak_mb: the most it had
    resident, in MB of 1,000,000 bytes.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    call_seconds: float | None = None


def run(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Run:
    """Run a command to its end; raises BenchError where it fails. What it prints alone is call_seconds."""
    report, log = folder / "report.json", folder / "stderr"
    launch = [sys.executable, "-IS", str(Path(__file__).with_name("launch.py")), str(report), *command]
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            launch,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise BenchError(f"{command[0]} had not ended after {PATIENCE_SECONDS} s.") from None
            raise
    if process.returncode != 0:
        last = log.read_text(errors="replace").splitlines()[-20:]
        raise BenchError("\n".join([f"Code {process.returncode} from: {' '.join(command)}", *last]))
    try:
        call_seconds = float(said)
    except ValueError:
        call_seconds = None
    return Run(**json.loads(report.read_text()), call_seconds=call_seconds)
