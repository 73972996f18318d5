"""The jobs that ran when the emulator was ended or killed, and that a kept state still says are running."""

from __future__ import annotations

import time

from longshore.emulator.jobs import history
from longshore.emulator.records import KINDS, Records

_REASON = "InternalServerError: the emulator ended while the job ran."


def fail_abandoned(records: Records) -> None:
    """Call each of them failed: nothing runs for them any more."""
    for kind in ("training-job", "transform-job", "processing-job"):
        about = KINDS[kind]
        for record in records.all(kind):
            name = record[f"{about.stem}Name"]
            if record[f"{about.stem}Status"] not in ("InProgress", "Stopping"):
                continue
            if kind == "training-job":
                history.move(records, name, "Failed", FailureReason=_REASON)
            else:
                ended = {
                    f"{about.stem}Status": "Failed",
                    f"{about.stem.removesuffix('Job')}EndTime": time.time(),
                }
                records.update(kind, name, FailureReason=_REASON, **ended)
