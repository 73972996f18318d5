"""`train` that cannot do its job, and what it says of that (D6, D7)."""

from __future__ import annotations

from longshore import limits
from longshore.check import layout
from longshore.check.rule import NotTried, Outcome, Severity, failed, not_tried, passed
from longshore.check.rules.training import training_rule, trains
from longshore.check.session import Session
from longshore.check.training import Training, Work, run_training


def _without_data(session: Session) -> Training:
    usual = trains(session)
    if not layout.read(usual.root / "input" / "config" / "inputdataconfig.json"):
        raise NotTried("the training data given have no channel to leave out")
    return session.once("without data", lambda: run_training(session, Work(data=False)))


@training_rule(
    "D7-missing-channel",
    Severity.ERROR,
    "Without its channels `train` ends with an exit code that is not 0",
    "Otherwise a job whose input was forgotten is Completed.",
)
def missing_channel(session: Session) -> Outcome:
    training = _without_data(session)
    if training.exit_code == 0:
        return failed(str(training), "Fail where the data are missing.")
    return passed(str(training))


@training_rule(
    "D6-failure-file",
    Severity.WARNING,
    "A job that fails says why in output/failure",
    "It becomes the FailureReason; without it there is only an exit code.",
)
def failure_file(session: Session) -> Outcome:
    training = _without_data(session)
    if training.exit_code == 0:
        return not_tried("it does not fail, see D7-missing-channel")
    failure = training.failure
    remedy = "Catch what ends the job, and write why to /opt/ml/output/failure."
    if failure is None or not failure.strip():
        return failed(f"{training}; there is no output/failure, or nothing in it", remedy)
    return passed(str(training))


@training_rule(
    "D6-failure-text",
    Severity.WARNING,
    "output/failure is UTF-8, and says it within 1024 characters",
    "What comes after is cut off: the end of a traceback, where the reason stands.",
)
def failure_text(session: Session) -> Outcome:
    failure = _without_data(session).failure
    if failure is None:
        return not_tried("there is no output/failure, see D6-failure-file")
    try:
        text = failure.decode("utf-8")
    except UnicodeDecodeError as error:
        return failed(f"it is no UTF-8: {error}", "Write it as UTF-8.")
    if len(text) > limits.FAILURE_MAX:
        return failed(f"{len(text)} characters", "Write the reason first, and the traceback to stderr.")
    return passed(f"{len(text)} characters")
