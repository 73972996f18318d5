"""What requests about jobs of all kinds have in common: stop one that runs, delete one that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.operations.base import Handler, Request
from longshore.emulator.platform import Platform
from longshore.emulator.records import KINDS, KindName, Record

_RUNNING = ("InProgress", "Stopping")


def stopping(kind: KindName, mark: Callable[[Record], object] | None = None) -> dict[str, Handler]:
    """Stop, once, after `mark` has changed the record, by default its status; AwsError where it has ended."""
    stem = KINDS[kind].stem
    mark = mark or (lambda record: record.update({f"{stem}Status": "Stopping"}))

    def stop(platform: Platform, request: Request) -> dict[str, Any]:
        name = request[f"{stem}Name"]
        control = platform.jobs.find(kind, name)

        def change(record: Record) -> None:  # with nobody in between: it may end at any time
            if record[f"{stem}Status"] not in _RUNNING or control is None:
                raise _in_status(kind, record)
            if record[f"{stem}Status"] != "Stopping":
                mark(record)

        if platform.records.change(kind, name, change) is None:
            platform.records.get(kind, name)
        if control is not None:
            control.stop()
        return {}

    return {f"Stop{stem}": stop}


def deleting(kind: KindName) -> dict[str, Handler]:
    """Delete, of a job that has ended; AwsError where it has not."""
    stem = KINDS[kind].stem

    def delete(platform: Platform, request: Request) -> dict[str, Any]:
        name = request[f"{stem}Name"]
        record = platform.records.get(kind, name)
        if record[f"{stem}Status"] in _RUNNING:
            raise _in_status(kind, record, ": stop it first")
        platform.records.delete(kind, name)
        return {}

    return {f"Delete{stem}": delete}


def _in_status(kind: KindName, record: Record, remedy: str = "") -> AwsError:
    status = record[f"{KINDS[kind].stem}Status"]
    return AwsError(
        "ValidationException",
        f"The request was rejected because the {KINDS[kind].noun} is in status {status}{remedy}.",
    )
