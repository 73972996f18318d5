"""A training job: /opt/ml with its inputs, `train`, and the results (D1 to D8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longshore.check import layout
from longshore.check.exchange import duration, excerpt
from longshore.check.rule import NotTried
from longshore.check.served import Log
from longshore.check.waiting import Wait
from longshore.engines.base import Container, Mount, Running
from longshore.errors import UserError

if TYPE_CHECKING:
    from longshore.check.session import Session

NO_SUCH_COMMAND = (126, 127)  # as a shell and Docker say it


@dataclass(frozen=True)
class Work:
    """How a job differs from the usual one, see layout.training. environment: the job's own variables."""

    hyperparameters: Mapping[str, str] | None = None
    resources: Mapping[str, Any] | None = None
    channels: Mapping[str, Any] | None = None
    data: bool = True
    environment: Mapping[str, str] | None = None
    checkpoints: Path | None = None


@dataclass(frozen=True)
class Training:
    """A job that has ended.

    Attributes:
        root: Its /opt/ml.
        exit_code: None if it did not end in time.
        limit: How long it had, and which option says so.
    """

    root: Path
    exit_code: int | None
    seconds: float
    limit: str
    log: Log
    before: Mapping[str, tuple[int, int]]  # the listing of input/ at the start

    @property
    def failure(self) -> bytes | None:
        """The content of output/failure; None if there is no such file."""
        file = self.root / "output" / "failure"
        return file.read_bytes() if file.is_file() else None

    @property
    def has_train(self) -> bool:
        """Whether the container has `train`."""
        return self.exit_code not in NO_SUCH_COMMAND

    def __str__(self) -> str:
        if self.exit_code is None:
            said = f"train: it did not end within {self.limit}"
        else:
            said = f"train: exit code {self.exit_code} after {self.seconds:.1f} s"
        if self.failure is not None:
            said += f"; output/failure: {excerpt(self.failure.decode('utf-8', 'replace'))}"
        elif self.exit_code != 0:
            said += self.log.end()
        return said


def run_training(
    session: Session, work: Work, meanwhile: Callable[[Running, Log], float] | None = None
) -> Training:
    """Run `train` to its end. meanwhile: Called while it runs; returns the seconds that it may still take."""
    engine = session.engine
    root = session.new_folder("training")
    root.mkdir()
    layout.training(
        session.training_inputs(),
        root,
        hyperparameters=work.hyperparameters,
        resources=work.resources,
        channels=work.channels,
        data=work.data,
        checkpoints=work.checkpoints,
    )
    before = layout.listing(root / "input")
    container = Container(
        image=session.name,
        arguments=("train",),
        environment={
            "TRAINING_JOB_NAME": "longshore-check",
            "TRAINING_JOB_ARN": "arn:aws:sagemaker:us-east-1:123456789012:training-job/longshore-check",
            **session.options.environment,
            **(work.environment or {}),
        },
        mounts=(Mount(root, "/opt/ml"), Mount(root / "input", "/opt/ml/input", read_only=True)),
        host_name=layout.read(root / "input" / "config" / "resourceconfig.json")["current_host"],
        owner=session.owner,
    )
    begun = time.monotonic()
    try:
        running = engine.start(container)
    except UserError as error:
        raise NotTried(str(error)) from None
    session.add(running)
    log = Log(running)
    try:
        patience, limit = session.options.training_seconds, "--training-seconds"
        if meanwhile is not None:
            own = meanwhile(running, log)
            patience, limit = own, limit if own == patience else "SageMaker's own limit"
        code = Wait(session, "`train` to end", patience, limit, log).until_exit(running)
        if code is not None:
            log.complete()
        return Training(root, code, time.monotonic() - begun, f"{duration(patience)} ({limit})", log, before)
    finally:
        session.remove(running)
