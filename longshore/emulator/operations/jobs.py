"""What requests about jobs of all kinds have in common: stop one that runs, delete one that does not."""

from __future__ import annotations

from collections.abc import Callable

from longshore.emulator.faults import AwsError
from longshore.emulator.platform import Platform
from longshore.emulator.records import KINDS, KindName, Record

_RUNNING = ("InProgress", "Stopping")


def stop(platform: Platform, kind: KindName, name: str, mark: Callable[[Record], object]) -> None:
    """Ask a job to stop, once, after `mark` has changed its record; AwsError where it has ended."""
    control = platform.jobs.find(kind, name)

    def change(record: Record) -> None:  # with nobody in between: it may end at any time
        status = record[_status_of(kind)]
        if status not in _RUNNING or control is None:
            raise AwsError(
                "ValidationException",
                f"The request was rejected because the {KINDS[kind].noun} is in status {status}.",
            )
        if status != "Stopping":
            mark(record)

    if platform.records.change(kind, name, change) is None:
        platform.records.get(kind, name)
    if control is not None:
        control.stop()


def stopping(kind: KindName) -> Callable[[Record], object]:
    """The mark of a job whose status is all it has."""
    return lambda record: record.update({_status_of(kind): "Stopping"})


def delete(platform: Platform, kind: KindName, name: str) -> None:
    """Forget a job; AwsError where it has not ended."""
    status = platform.records.get(kind, name)[_status_of(kind)]
    if status in _RUNNING:
        raise AwsError(
            "ValidationException",
            f"The request was rejected because the {KINDS[kind].noun} is in status {status}: stop it first.",
        )
    platform.records.delete(kind, name)


def _status_of(kind: KindName) -> str:
    return f"{KINDS[kind].stem}Status"
