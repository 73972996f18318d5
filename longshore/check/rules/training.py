"""`train`, with what SageMaker may put in front of it (D1 to D7)."""

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
    """The usual job. NotTried where the container knows no `train`, or fails even at that."""
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
    "`train` ends with exit code 0",
    "It is what a training job runs; any other code is Failed.",
)
def usual(session: Session) -> Outcome:
    training = session.trained()
    if training.exit_code == 0:
        return passed(str(training))
    return failed(str(training), "See its last lines; then try it by hand: docker run IMAGE train.")


@training_rule(
    "D6-writes-a-model",
    Severity.WARNING,
    "`train` leaves a model in /opt/ml/model",
    "It becomes model.tar.gz; elsewhere it is lost with the instance.",
)
def writes_a_model(session: Session) -> Outcome:
    folder = trains(session).root / "model"
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return passed(", ".join(files[:5])) if files else failed("the folder is empty", "Save the model there.")


@training_rule(
    "A17-no-links",
    Severity.ERROR,
    "The model holds no symbolic links",
    "An endpoint does not start from an archive with links.",
)
def no_links(session: Session) -> Outcome:
    links = layout.links(trains(session).root / "model")
    return failed(", ".join(links[:5]), "Copy what they lead to.") if links else passed()


@training_rule(
    "D5-input-read-only",
    Severity.WARNING,
    "`train` writes nothing into its inputs",
    "In FastFile mode they cannot be written to, and several hosts may share them.",
)
def input_read_only(session: Session) -> Outcome:
    training = trains(session)
    after = layout.listing(training.root / "input")
    changed = sorted(
        name for name in after.keys() | training.before if after.get(name) != training.before.get(name)
    )
    return failed(", ".join(changed[:5]), "Write below TMPDIR.") if changed else passed()


@training_rule(
    "D6-no-failure-file",
    Severity.WARNING,
    "A job that succeeds leaves no output/failure",
    "Whoever looks for it takes the job for a failed one.",
)
def no_failure_file(session: Session) -> Outcome:
    training = trains(session)
    if training.failure is None:
        return passed()
    return failed(str(training), "Write it only where the job fails.")


# -- jobs that are not the usual one --

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
_PLAIN = {"longshore_check": "1"}
_TOMORROW = {
    "current_instance_type": "ml.m5.large",
    "current_group_name": "homogeneousCluster",
    "instance_groups": [
        {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
    ],
    "topology": None,
    "longshore_check": {"a key": ["of", "tomorrow"]},
}
_OTHER_HOST = {
    "current_host": "worker-7.internal",
    "hosts": ["worker-7.internal"],
    "network_interface_name": "eth7",
}
_FAST_FILE = {
    "TrainingInputMode": "FastFile",
    "S3DistributionType": "FullyReplicated",
    "RecordWrapperType": "None",
    "LongshoreCheck": "a key of tomorrow",
}
# Each of these is a job of its own only where one with all of them at once fails.
_WAYS = {
    "D4-unknown-keys": Work(resources=_TOMORROW),
    "D4-host-names": Work(resources=_OTHER_HOST),
    "D3-fast-file": Work(channels=_FAST_FILE),
    "D9-odd-environment": Work(environment={"LONGSHORE_CHECK": "a \"b\" 'c' $(d)\ne", "LONGSHORE_EMPTY": ""}),
}
_ALL = Work(
    resources={**_TOMORROW, **_OTHER_HOST},
    channels=_FAST_FILE,
    environment=_WAYS["D9-odd-environment"].environment,
)


def _checkpoints(session: Session) -> Path | None:
    """What the usual job left in /opt/ml/checkpoints; None where that is nothing."""
    folder = trains(session).root / "checkpoints"
    return None if layout.is_empty(folder) else folder


def _so(session: Session, work: Work, remedy: str) -> Outcome:
    """Whether it trains so: together with all other ways, or else so alone."""

    def all_ways() -> Training:
        return run_training(session, replace(_ALL, checkpoints=_checkpoints(session)))

    if session.once("all ways to train", all_ways).exit_code == 0:
        return passed("trained so, together with the other ways")
    training = run_training(session, work)
    return passed(str(training)) if training.exit_code == 0 else failed(str(training), remedy)


def _way(id: str, severity: Severity, title: str, why: str, remedy: str) -> None:
    def check(session: Session) -> Outcome:
        trains(session)
        return _so(session, _WAYS[id], remedy)

    training_rule(id, severity, title, why)(check)


_way(
    "D4-unknown-keys",
    Severity.ERROR,
    "`train` takes unknown keys in resourceconfig.json",
    "SageMaker adds keys to it over the years.",
    "Read the keys you need, and ignore the others.",
)
_way(
    "D4-host-names",
    Severity.ERROR,
    "`train` takes any names for host and network interface",
    "The first host need not be algo-1, nor the interface eth0.",
    "Use current_host, hosts and network_interface_name as they come.",
)
_way(
    "D3-fast-file",
    Severity.ERROR,
    "`train` takes FastFile and unknown keys in inputdataconfig.json",
    "The mode is shown as File or as FastFile; the files are there either way.",
    "Treat every mode but Pipe as files.",
)
_way(
    "D9-odd-environment",
    Severity.ERROR,
    "`train` takes variables of every odd character",
    "A job's own variables hold what users like.",
    "Quote what a start script expands.",
)


@training_rule(
    "D6-resumes",
    Severity.ERROR,
    "`train` starts with the checkpoints that a job before it left",
    "After a spot interruption the same job starts again with what was in /opt/ml/checkpoints.",
)
def resumes(session: Session) -> Outcome:
    checkpoints = _checkpoints(session)
    if checkpoints is None:
        return not_applicable("it leaves nothing in /opt/ml/checkpoints")
    remedy = "Go on from the last checkpoint; where it is of a job that was done, save the model and end."
    return _so(session, Work(checkpoints=checkpoints), remedy)


@training_rule(
    "D2-odd-values",
    Severity.ERROR,
    "`train` takes hyperparameters of every odd character",
    "Quotes, line ends, JSON in a text, other scripts and nothing at all: a value is any text.",
)
def odd_values(session: Session) -> Outcome:
    trains(session)
    odd = run_training(session, Work(hyperparameters=_ODD))
    if odd.exit_code == 0:
        return passed(f"{len(_ODD)} of them")
    if run_training(session, Work(hyperparameters=_PLAIN)).exit_code != 0:
        return not_tried("it refuses hyperparameters it does not know, so that none could be given")
    return failed(str(odd), "Read hyperparameters.json as JSON, and take each value for a text.")
