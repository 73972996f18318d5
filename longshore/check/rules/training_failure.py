"""Training jobs without data: the exit code and output/failure (D6, D7)."""

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
        raise NotTried(
            "the job has no channel to leave out: give one with --training DIR, as DIR/CHANNEL/FILE or "
            "DIR/data/CHANNEL/FILE"
        )
    return session.once("without data", lambda: run_training(session, Work(data=False)))


@training_rule(
    "D7-missing-channel",
    Severity.WARNING,
    "Without its channels `train` fails",
    "Otherwise a job without its data is Completed.",
)
def missing_channel(session: Session) -> Outcome:
    training = _without_data(session)
    if training.exit_code == 0:
        return failed(str(training), "If the job needs the channel: exit with a code other than 0.")
    return passed(str(training))


@training_rule(
    "D6-failure-file",
    Severity.WARNING,
    "A job that fails writes the reason to output/failure",
    "It becomes the FailureReason of the job; without it there is only an exit code.",
)
def failure_file(session: Session) -> Outcome:
    training = _without_data(session)
    if training.exit_code == 0:
        return not_tried("it does not fail, see D7-missing-channel")
    failure = training.failure
    remedy = "Catch the exception that ends the job, and write its message to /opt/ml/output/failure."
    if failure is None or not failure.strip():
        return failed(f"{training}; output/failure is missing or empty", remedy)
    return passed(str(training))


@training_rule(
    "D6-failure-text",
    Severity.WARNING,
    "output/failure is UTF-8 of at most 1024 characters",
    "The rest is cut off, for example the last line of a traceback.",
)
def failure_text(session: Session) -> Outcome:
    failure = _without_data(session).failure
    if failure is None:
        return not_tried("there is no output/failure, see D6-failure-file")
    try:
        text = failure.decode("utf-8")
    except UnicodeDecodeError as error:
        return failed(f"it is not UTF-8: {error}", "Write it as UTF-8.")
    if len(text) > limits.FAILURE_MAX:
        return failed(f"{len(text)} characters", "Write the reason first, and the traceback to stderr.")
    return passed(f"{len(text)} characters")
