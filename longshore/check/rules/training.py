"""`train` with the inputs that SageMaker may give it (D1 to D7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from longshore import limits
from longshore.check import layout
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
from longshore.check.session import Session
from longshore.check.training import Training, Work, run_training


def trains(session: Session) -> Training:
    """Return the usual job. NotTried if the container has no `train`, or if that job fails."""
    training = session.trained()
    if not training.has_train:
        raise NotTried("it has no `train`")
    if training.exit_code != 0:
        raise NotTried("it fails with the usual job, see D1-trains")
    return training


def training_rule(
    id: str, severity: Severity, title: str, why: str
) -> Callable[[Callable[[Session], Outcome]], Callable[[Session], Outcome]]:
    def add(check: Callable[[Session], Outcome]) -> Callable[[Session], Outcome]:
        def unless_it_only_serves(session: Session) -> Outcome:
            if session.engine and session.training_inputs() and not session.trained().has_train:
                return not_applicable(f"it has no `train`: {session.trained()}")
            return check(session)

        return rule(id, severity, Group.TRAINING, title, why, needs="image", alone=True)(
            unless_it_only_serves
        )

    return add


@training_rule(
    "D1-trains",
    Severity.ERROR,
    "`train` exits with 0",
    "Any other exit code is a failed job.",
)
def usual(session: Session) -> Outcome:
    training = session.trained()
    if training.exit_code == 0:
        return passed(str(training))
    if training.exit_code is None:  # a job may take hours
        remedy = "Give it less data, or more time with --training-seconds."
        return failed(str(training), remedy, Severity.WARNING)
    return failed(str(training), _remedy_for_the_usual_job(session))


def _remedy_for_the_usual_job(session: Session) -> str:
    by_hand = f"docker run --rm -v DIR:/opt/ml/input {session.name} train"
    if session.on_host:
        by_hand = "local_test/train_local.sh" if session.built_with_longshore else "train, with ML_ROOT set"
    return (
        f"Read its last lines, and run it by hand: {by_hand}. Hyperparameters that it needs belong into "
        "config/hyperparameters.json of --training DIR."
    )


@training_rule(
    "D6-writes-a-model",
    Severity.WARNING,
    "`train` leaves a model in /opt/ml/model",
    "SageMaker packs that folder into model.tar.gz, and loses everything else.",
)
def writes_a_model(session: Session) -> Outcome:
    folder = trains(session).root / "model"
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if files:
        return passed(", ".join(files[:5]))
    return failed("the folder is empty", "Save the model to /opt/ml/model.")


@training_rule(
    "A17-no-links",
    Severity.ERROR,
    "The model holds no symbolic links",
    "An endpoint does not start from an archive with links.",
)
def no_links(session: Session) -> Outcome:
    links = layout.links(trains(session).root / "model")
    if not links:
        return passed()
    return failed(", ".join(links[:5]), "Save files instead of links, for example with shutil.copy.")


@training_rule(
    "D5-input-read-only",
    Severity.WARNING,
    "`train` writes nothing to its inputs",
    "In FastFile mode they are read-only, and several hosts may share them.",
)
def input_read_only(session: Session) -> Outcome:
    training = trains(session)
    after = layout.listing(training.root / "input")
    changed = sorted(
        name for name in after.keys() | training.before if after.get(name) != training.before.get(name)
    )
    return failed(", ".join(changed[:5]), "Write to /tmp or TMPDIR.") if changed else passed()


@training_rule(
    "D6-no-failure-file",
    Severity.WARNING,
    "A successful job leaves no output/failure",
    "Tools that look for the file take the job for a failed one.",
)
def no_failure_file(session: Session) -> Outcome:
    training = trains(session)
    if training.failure is None:
        return passed()
    return failed(str(training), "Write output/failure only if the job fails.")


# -- jobs with one thing changed --

_ODD = {
    "longshore_check_quotes": "a \"double\" and a 'single' one",
    "longshore_check_lines": "two\nlines\ttab",
    "longshore_check_unicode": "Größe 大きさ 🚢",
    "longshore_check_empty": "",
    "longshore_check_json": '{"a": [1, "two", null], "b": {"c": true}}',
    "longshore_check_shell": "$(false) `false` ${HOME} %s \\ ; & | * --option",
    "longshore-check.dots-and-dashes": "1e-3",
    "longshore_check_long": "v" * limits.HYPERPARAMETER_TEXT_MAX,
}
_PLAIN = "1"
_FUTURE = {"topology": None, "longshore_check": {"a future": ["key"]}}
# Only the names: a program may use the interface, which must exist then.
_OTHER_HOST = {"current_host": "worker-7.internal", "hosts": ["worker-7.internal"]}
_FAST_FILE = {"TrainingInputMode": "FastFile"}
# Each of these is a job of its own only if one with all of them at once fails.
_WAYS = {
    "D4-unknown-keys": Work(resources=_FUTURE),
    "D4-host-names": Work(resources=_OTHER_HOST),
    "D3-fast-file": Work(channels=_FAST_FILE),
    "D9-odd-environment": Work(environment={"LONGSHORE_CHECK": "a \"b\" 'c' $(d)\ne", "LONGSHORE_EMPTY": ""}),
}
_ALL = Work(
    resources={**_FUTURE, **_OTHER_HOST},
    channels=_FAST_FILE,
    environment=_WAYS["D9-odd-environment"].environment,
)


def _checkpoints(session: Session) -> Path | None:
    """Return the checkpoints of the usual job; None if there are none."""
    folder = trains(session).root / "checkpoints"
    return None if layout.is_empty(folder) else folder


def _so(session: Session, work: Work, remedy: str) -> Outcome:
    """Check that it trains with all changes at once, or else with this one alone."""

    def all_ways() -> Training:
        return run_training(session, replace(_ALL, checkpoints=_checkpoints(session)))

    if session.once("all ways to train", all_ways).exit_code == 0:
        return passed("trained with all changes at once")
    training = run_training(session, work)
    if training.exit_code == 0:
        return passed(str(training))
    if training.exit_code is None:
        return not_tried(f"it takes too long: {training}")
    return _unless_the_usual_job_fails(session, failed(str(training), remedy))


def _unless_the_usual_job_fails(session: Session, outcome: Outcome) -> Outcome:
    """Return the outcome, or not tried if the usual job fails, too, when it runs once more."""
    control = session.once("usual job again", lambda: run_training(session, Work()))
    if control.exit_code == 0:
        return outcome
    return not_tried(f"the usual job fails, too, when it runs again: {control}")


def _way(id: str, severity: Severity, title: str, why: str, remedy: str) -> None:
    def check(session: Session) -> Outcome:
        trains(session)
        return _so(session, _WAYS[id], remedy)

    training_rule(id, severity, title, why)(check)


_way(
    "D4-unknown-keys",
    Severity.WARNING,
    "`train` accepts unknown keys in resourceconfig.json",
    "SageMaker adds keys over the years.",
    "Read the keys that you need, and ignore the others.",
)
_way(
    "D4-host-names",
    Severity.WARNING,
    "`train` accepts any host name",
    "SageMaker documents no pattern; algo-1 is only the usual name.",
    "Read current_host and hosts from resourceconfig.json.",
)
_way(
    "D3-fast-file",
    Severity.WARNING,
    "`train` accepts the input mode FastFile",
    "inputdataconfig.json may have File or FastFile; the files are there in both cases.",
    "Treat every mode other than Pipe as files.",
)
_way(
    "D9-odd-environment",
    Severity.WARNING,
    "`train` accepts quotes and line breaks in variables",
    "A variable of a job may have any value.",
    "Quote variables in shell scripts.",
)


@training_rule(
    "D6-resumes",
    Severity.WARNING,
    "`train` accepts the checkpoints of an earlier run",
    "After a spot interruption the job starts again with its /opt/ml/checkpoints.",
)
def resumes(session: Session) -> Outcome:
    checkpoints = _checkpoints(session)
    if checkpoints is None:
        return not_applicable("it writes no checkpoints to /opt/ml/checkpoints")
    remedy = "Continue from the last checkpoint; if it is the final one, save the model and exit with 0."
    return _so(session, Work(checkpoints=checkpoints), remedy)


@training_rule(
    "D2-odd-values",
    Severity.WARNING,
    "`train` accepts quotes, line breaks, JSON and Unicode in hyperparameters",
    "A hyperparameter is any text.",
)
def odd_values(session: Session) -> Outcome:
    trains(session)
    odd = run_training(session, Work(hyperparameters=_ODD))
    if odd.exit_code == 0:
        return passed(f"{len(_ODD)} of them")
    # The same names with a plain value: a program may know and accept only its own hyperparameters.
    plain = run_training(session, Work(hyperparameters=dict.fromkeys(_ODD, _PLAIN)))
    if plain.exit_code != 0:
        return not_tried(f"it refuses unknown hyperparameters: {plain}")
    if session.built_with_longshore:
        return not_tried(f"train() refuses values of hyperparameters that it does not know: {odd}")
    return failed(
        f"{odd}; with the value {_PLAIN} for each of them it trains",
        "Quote hyperparameters that are passed to a shell. If the program only refuses values of "
        "hyperparameters that it does not know, ignore this warning.",
    )
