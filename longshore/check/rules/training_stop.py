"""`train` that is stopped, or whose process dies (D7, D8)."""

from __future__ import annotations

import contextlib
import os
import signal

from longshore.check.processes import leaf
from longshore.check.rule import NotTried, Outcome, Severity, failed, passed
from longshore.check.rules.training import training_rule, trains
from longshore.check.served import Log
from longshore.check.session import Session
from longshore.check.training import Training, Work, run_training
from longshore.engines.base import Running


def _in_the_middle(session: Session, running: Running) -> bool:
    """Wait until half of the usual time is over; whether it still runs."""
    return running.wait(session.trained().seconds / 2) is None


@training_rule(
    "D8-stops-in-time",
    Severity.ERROR,
    "SIGTERM ends `train` within 120 s",
    "Stop, spot interruption and time-out send it; then it is killed, and its last checkpoint is lost.",
)
def stops_in_time(session: Session) -> Outcome:
    usual = trains(session)

    def stop(running: Running, log: Log) -> float:
        _in_the_middle(session, running)
        running.signal(signal.SIGTERM)
        return session.options.training_stop_seconds

    training = run_training(session, Work(), stop)
    told = f"SIGTERM after {usual.seconds / 2:.1f} s: {training}"
    if training.exit_code is None:
        return failed(told, "Handle SIGTERM: save a checkpoint and end; pass it on from a shell by exec.")
    return passed(told)


@training_rule(
    "D7-killed",
    Severity.ERROR,
    "If the process that trains is killed, `train` ends with an exit code that is not 0",
    "Out of memory is the usual reason; with 0 the job is Completed, with half a model.",
)
def killed(session: Session) -> Outcome:
    trains(session)
    victims: list[int] = []

    def kill(running: Running, log: Log) -> float:
        if _in_the_middle(session, running):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if (victim := leaf(running)) is not None:
                    os.kill(victim, signal.SIGKILL)
                    victims.append(victim)
        return session.options.training_seconds if victims else 0.0

    training: Training = run_training(session, Work(), kill)
    if not victims:
        raise NotTried("there was no process but the first one to kill")
    if training.exit_code:
        return passed(str(training))
    return failed(
        str(training), "Look at the exit status of the process that trains: 128 + the signal's number."
    )
