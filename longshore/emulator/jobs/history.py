"""A training job's two statuses, and what it was before (SecondaryStatusTransitions)."""

from __future__ import annotations

import time
from typing import Any

from longshore.emulator.records import Record, Records

# What DescribeTrainingJob says beside each secondary status, in SageMaker's words.
MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The training job was interrupted",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Resource released due to max runtime exceeded",
    "MaxWaitTimeExceeded": "Resource released due to max wait time exceeded",
}
_PRIMARY = {
    "Stopping": "Stopping",
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "MaxWaitTimeExceeded": "Stopped",
}


def begin() -> dict[str, Any]:
    """The members of a job that starts now."""
    now = time.time()
    return {
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [_transition("Starting", now)],
    }


def move(records: Records, name: str, secondary: str, **members: Any) -> None:
    """Go on to a secondary status, and set further members with it."""
    records.change("training-job", name, lambda record: enter(record, secondary, **members))


def enter(record: Record, secondary: str, **members: Any) -> None:
    """The same in a record at hand. The primary status follows.

    A job that is stopping stays so while it uploads what it has, until it has ended.
    """
    if record["SecondaryStatus"] == secondary:
        return
    now = time.time()
    record.update(members)
    primary = _PRIMARY.get(secondary, "InProgress")
    if not (record["TrainingJobStatus"] == "Stopping" and primary == "InProgress"):
        record["TrainingJobStatus"] = primary
    record["SecondaryStatus"] = secondary
    record["SecondaryStatusTransitions"][-1]["EndTime"] = now
    record["SecondaryStatusTransitions"].append(_transition(secondary, now))
    if primary in ("Completed", "Failed", "Stopped"):
        record["SecondaryStatusTransitions"][-1]["EndTime"] = now
        record["TrainingEndTime"] = now


def _transition(secondary: str, now: float) -> dict[str, Any]:
    return {"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]}
