"""A processing job: the image without arguments (E1 to E3)."""

from __future__ import annotations

from pathlib import Path

from longshore import limits
from longshore.check import layout
from longshore.check.exchange import duration
from longshore.check.rule import (
    Group,
    NotTried,
    Outcome,
    Severity,
    failed,
    not_applicable,
    not_tried,
    passed,
    rule,
)
from longshore.check.served import Log
from longshore.check.session import NO_SERVE, Session
from longshore.check.waiting import Wait
from longshore.engines.base import Container, Mount
from longshore.errors import UserError

_HOST = "algo-1"
_ENDPOINTS = {"serve", "train"}


class _Job:
    """The job that was run, and its exit code."""

    def __init__(self, session: Session) -> None:
        root = session.new_folder("processing")
        for name in ("config", "output", "processing/input", "processing/output"):
            (root / name).mkdir(parents=True)
        hosts = {"current_host": _HOST, "hosts": [_HOST], "network_interface_name": "eth0"}
        layout.write(root / "config" / "resourceconfig.json", hosts)
        layout.write(
            root / "config" / "processingjobconfig.json",
            {
                "ProcessingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:processing-job/longshore-check",
                "ProcessingJobName": "longshore-check",
                "AppSpecification": {"ImageUri": session.name},
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
                },
                "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            },
        )
        layout.open_to_all(root)
        container = Container(
            session.name,
            environment=session.options.environment,
            mounts=(Mount(root, "/opt/ml"),),
            host_name=_HOST,
            owner=session.owner,
        )
        try:
            running = session.engine.start(container)
        except UserError as error:
            raise NotTried(str(error)) from None
        session.add(running)
        log = Log(running)
        try:
            limit = session.options.training_seconds
            wait = Wait(session, "the processing job to end", limit, "--training-seconds", log)
            self.code = wait.until_exit(running)
            if self.code is None:
                raise NotTried(f"it did not end within {duration(limit)} (--training-seconds){log.end()}")
            self.said = "" if self.code == 0 else log.end()
        finally:
            session.remove(running)
        message: Path = root / "output" / "message"
        self.message = message.read_bytes() if message.is_file() else None


def _job(session: Session) -> _Job | None:
    """Return the job; None if the image is for endpoints or training."""
    image = session.image()
    words = {Path(word).name for word in (*(image.entrypoint or ()), *(image.command or ()))}
    if not words.isdisjoint(_ENDPOINTS):
        return None
    if _why_it_does_not_serve(session) is None:
        return None
    return session.once("processing", lambda: _Job(session))


def _why_it_does_not_serve(session: Session) -> str | None:
    try:
        session.base()
    except NotTried as why_not:
        return str(why_not)
    return None


@rule(
    "E1-runs",
    Severity.WARNING,
    Group.PROCESSING,
    "Without arguments the image runs its job and exits with 0",
    "A processing job starts it so, unless the job has an entrypoint. Here it gets no inputs.",
    needs="image",
    alone=True,
)
def runs(session: Session) -> Outcome:
    job = _job(session)
    if job is None:
        return not_applicable("the image serves")
    if job.code == 0:
        return passed("exit code 0")
    why_not = _why_it_does_not_serve(session) or ""
    if NO_SERVE not in why_not:
        return not_tried(f"exit code {job.code}, but the image may be for endpoints; {why_not}")
    return failed(
        f"exit code {job.code}{job.said}",
        "Read its last lines, and run it by hand with its inputs in /opt/ml/processing.",
    )


@rule(
    "E3-message",
    Severity.NOTE,
    Group.PROCESSING,
    "output/message is UTF-8 of at most 1 KB",
    "The first KB becomes the ExitMessage of the job.",
    needs="image",
    alone=True,
)
def message(session: Session) -> Outcome:
    job = _job(session)
    if job is None:
        return not_applicable("the image serves")
    if job.message is None:
        return not_applicable("it wrote none")
    if len(job.message) > limits.EXIT_MESSAGE_BYTES_MAX:
        return failed(f"{len(job.message)} bytes", "Write at most 1 KB, the reason first.")
    try:
        return passed(job.message.decode("utf-8"))
    except UnicodeDecodeError as error:
        return failed(str(error), "Write it as UTF-8.")
