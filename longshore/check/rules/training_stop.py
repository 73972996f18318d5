"""`train` that is stopped, or whose process dies (D7, D8)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from longshore.check.processes import leaf
from longshore.check.rule import NotTried, Outcome, Severity, failed, passed
from longshore.check.rules.training import training_rule, trains
from longshore.check.served import Log
from longshore.check.session import Session
from longshore.check.training import Training, Work, run_training
from longshore.engines.base import Running

_LOOK_SECONDS, _EVERY_SECONDS = 10.0, 0.1  # for a process that a slow start has put off


def _interrupted(session: Session, act: Callable[[Running], bool], patience: float) -> Training | None:
    """A job to which something was done when half of the usual time was over; None where nothing could be.

    act: does it, and says whether it could. patience: seconds the job may take from then on. What took long
    the first time may be quicker the next: a job that has ended by then is tried once more, in half of its
    own time.
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
        if acted:
            return training if acted[-1] else None
        half = training.seconds / 2
    return None


@training_rule(
    "D8-stops-in-time",
    Severity.ERROR,
    "SIGTERM ends `train` within 120 s",
    "Stop, spot interruption and time-out send it; then it is killed, and its last checkpoint is lost.",
)
def stops_in_time(session: Session) -> Outcome:
    def stop(running: Running) -> bool:
        running.signal(signal.SIGTERM)
        return True

    training = _interrupted(session, stop, session.options.training_stop_seconds)
    if training is None:
        raise NotTried("it is done too soon to be stopped in the middle")
    if training.exit_code is None:
        remedy = "Handle SIGTERM: save a checkpoint and end; pass it on from a shell by exec."
        return failed(f"SIGTERM in the middle: {training}", remedy)
    return passed(f"SIGTERM in the middle: {training}")


@training_rule(
    "D7-killed",
    Severity.ERROR,
    "If the process that trains is killed, `train` ends with an exit code that is not 0",
    "Out of memory is the usual reason; with 0 the job is Completed, with half a model.",
)
def killed(session: Session) -> Outcome:
    def kill(running: Running) -> bool:
        until = time.monotonic() + _LOOK_SECONDS
        while (victim := leaf(running)) is None:
            if running.wait(_EVERY_SECONDS) is not None or time.monotonic() > until:
                return False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(victim, signal.SIGKILL)
            return True
        return False

    training = _interrupted(session, kill, session.options.training_seconds)
    if training is None:
        raise NotTried("there was no process but the first one to kill, or it was done too soon")
    if training.exit_code:
        return passed(str(training))
    remedy = "Look at the exit status of the process that trains: 128 + the signal's number."
    return failed(str(training), remedy)
