"""A processing job: the image as it is, without an argument (E1 to E3)."""

from __future__ import annotations

from pathlib import Path

from longshore import limits
from longshore.check import layout
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, not_applicable, passed, rule
from longshore.check.served import Log
from longshore.check.session import Session
from longshore.check.waiting import Wait
from longshore.engines.base import Container, Mount
from longshore.errors import UserError

_HOST = "algo-1"
_ENDPOINTS = {"serve", "train"}


class _Job:
    """What became of it."""

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
                raise NotTried(f"it did not end within {limit:g} s (--training-seconds){log.end()}")
            self.said = "" if self.code == 0 else log.end()
        finally:
            session.remove(running)
        message: Path = root / "output" / "message"
        self.message = message.read_bytes() if message.is_file() else None


def _job(session: Session) -> _Job | None:
    """None where the image is for endpoints and training: without an argument it would serve."""
    image = session.image()
    words = {Path(word).name for word in (*(image.entrypoint or ()), *(image.command or ()))}
    if not words.isdisjoint(_ENDPOINTS) or _serves(session):
        return None
    return session.once("processing", lambda: _Job(session))


def _serves(session: Session) -> bool:
    try:
        session.base()
    except NotTried:
        return False
    return True


@rule(
    "E1-runs",
    Severity.ERROR,
    Group.PROCESSING,
    "Without an argument the image runs its job, and ends with exit code 0",
    "That is how a processing job starts it, unless the job names an entrypoint.",
    needs="image",
    alone=True,
)
def runs(session: Session) -> Outcome:
    job = _job(session)
    if job is None:
        return not_applicable("the image serves")
    if job.code == 0:
        return passed("exit code 0")
    return failed(
        f"exit code {job.code}{job.said}", "See its last lines; then try it by hand: docker run IMAGE."
    )


@rule(
    "E3-message",
    Severity.NOTE,
    Group.PROCESSING,
    "output/message is UTF-8 of at most 1 KB",
    "The first KB becomes the job's ExitMessage.",
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
        return failed(f"{len(job.message)} bytes", "Write the reason first.")
    try:
        return passed(job.message.decode("utf-8"))
    except UnicodeDecodeError as error:
        return failed(str(error), "Write it as UTF-8.")
