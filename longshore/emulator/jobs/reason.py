"""Why a job's container failed, in the form that FailureReason has."""

from __future__ import annotations

from pathlib import Path

from longshore.emulator.confined import open_file
from longshore.emulator.containers import Launched
from longshore.limits import FAILURE_MAX


def failure_reason(failure: Path, root: Path, code: int, launched: Launched) -> str:
    """What the failure file says (D6), or else the log's last lines; the exit code is always at the end.

    root: the job's folder, out of which a link of the container's is not followed.
    """
    if launched.running.out_of_memory():
        said = "the container reached its memory limit"
    else:
        said = _beginning_of(failure, root) or " | ".join(launched.tail(3))
    end = f", exit code: {code}"
    start = "AlgorithmError: "
    return f"{start}{said[: FAILURE_MAX - len(start) - len(end)]}{end}"


def _beginning_of(failure: Path, root: Path) -> str:
    try:
        with open_file(failure, root) as file:
            return file.read(4 * FAILURE_MAX).decode(errors="replace")[:FAILURE_MAX].strip()
    except OSError:
        return ""
