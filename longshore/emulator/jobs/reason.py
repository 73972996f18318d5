"""Why a job's container failed, in the form that FailureReason has."""

from __future__ import annotations

from pathlib import Path

from longshore.emulator.containers import Launched
from longshore.limits import FAILURE_MAX


def failure_reason(failure: Path, code: int, launched: Launched) -> str:
    """What the failure file says (D6), or else the log's last lines; the exit code is always at the end."""
    if launched.running.out_of_memory():
        said = "the container reached its memory limit"
    else:
        said = _beginning_of(failure) or " | ".join(launched.tail(3))
    end = f", exit code: {code}"
    start = "AlgorithmError: "
    return f"{start}{said[: FAILURE_MAX - len(start) - len(end)]}{end}"


def _beginning_of(failure: Path) -> str:
    try:
        with failure.open("rb") as file:
            return file.read(4 * FAILURE_MAX).decode(errors="replace")[:FAILURE_MAX].strip()
    except OSError:
        return ""
