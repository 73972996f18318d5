"""Training jobs that are stopped, or whose process is killed (D7, D8)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from longshore.check import layout
from longshore.check.processes import leaf
from longshore.check.rule import NotTried, Outcome, Severity, failed, not_tried, passed
from longshore.check.rules.training import training_rule, trains
from longshore.check.served import Log
from longshore.check.session import Session
from longshore.check.training import Training, Work, run_training
from longshore.engines.base import Running
from longshore.errors import UserError

_LOOK_SECONDS, _EVERY_SECONDS = 10.0, 0.1  # for a process that starts late
_TOO_SOON = "it ended before its middle, twice: give it more data or more iterations, so that it takes longer"


def _interrupted(session: Session, act: Callable[[Running], bool], patience: float) -> Training | None:
    """Interrupt a job after half of its usual time.

    A job that has ended by then is tried once more, after half of its own time.

    Args:
        act: Interrupts it, and returns whether it could.
        patience: Seconds that the job may take from then on.

    Returns:
        The job, or None if it always ended too soon.
    """
    half = trains(session).seconds / 2
    for _ in range(2):
        acted: list[bool] = []

        def meanwhile(running: Running, log: Log, half: float = half, acted: list[bool] = acted) -> float:
            if running.wait(half) is not None:
                return 0.0
            acted.append(act(running))
            return patience if acted[-1] else 0.0

        training = run_training(session, Work(), meanwhile)
        if acted and acted[-1]:
            return training
        half = training.seconds / 2
    return None


@training_rule(
    "D8-stops-in-time",
    Severity.WARNING,
    "SIGTERM ends `train` within 120 s",
    "A stop, a spot interruption and a timeout send it; then the job is killed, and its last state is lost.",
)
def stops_in_time(session: Session) -> Outcome:
    def stop(running: Running) -> bool:
        running.signal(signal.SIGTERM)
        return True

    training = _interrupted(session, stop, session.options.training_stop_seconds)
    if training is None:
        raise NotTried(_TOO_SOON)
    if training.exit_code is None:
        remedy = "Handle SIGTERM (process 1 ignores it by default): save a checkpoint and exit."
        return failed(f"SIGTERM in the middle: {training}", remedy)
    return passed(f"SIGTERM in the middle: {training}")


@training_rule(
    "D7-killed",
    Severity.ERROR,
    "`train` fails if the process that trains is killed",
    "The kernel kills it if memory runs out. With exit code 0 the job is Completed, without a whole model.",
)
def killed(session: Session) -> Outcome:
    def kill(running: Running) -> bool:
        until = time.monotonic() + _LOOK_SECONDS
        while (victim := living_leaf(running)) is None:
            if running.wait(_EVERY_SECONDS) is not None:
                return False
            if time.monotonic() > until:
                raise NotTried("it trains in its first process, or its processes are not visible from here")
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return False
        except PermissionError as error:
            raise NotTried(f"its processes cannot be killed from here: {error}") from None
        return True

    training = _interrupted(session, kill, session.options.training_seconds)
    if training is None:
        raise NotTried(_TOO_SOON)
    if training.exit_code:
        return passed(str(training))
    if training.exit_code is None:
        return not_tried(f"a process was killed, and then {training}")
    remedy = "Check the exit code of the process that trains, and exit with the same one."
    if layout.is_empty(training.root / "model") and not layout.is_empty(trains(session).root / "model"):
        return failed(f"{training}; /opt/ml/model is empty", remedy)
    # It may have been a helper process, or the job may have started another one.
    return failed(f"{training}; there is a model, which may be incomplete", remedy, Severity.WARNING)


def living_leaf(running: Running) -> int | None:
    """Return a process to kill; None if there is none, also if the job has just ended."""
    try:
        return leaf(running)
    except (UserError, NotTried):
        if running.wait(_EVERY_SECONDS) is None:
            raise
        return None
