"""Unusual starts: other users, no network, unusual variables (A4 to A6, C2).

A container that serves with all of them at once serves with each. Only if it does not, each is tried alone,
and a start with nothing changed is the control.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from longshore import limits
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, not_tried, passed, rule
from longshore.check.served import How
from longshore.check.session import Session
from longshore.check.starts import serves, starts_again

_ODD_USER = "54321:54321"


_FILL = "LONGSHORE_CHECK_FILL_"


def _many() -> dict[str, str]:
    """Return the maximum number of variables, one with the longest name, one with the longest value."""
    names = [f"{_FILL}{n:03d}" for n in range(limits.ENVIRONMENT_MAX - 3)]
    variables = dict.fromkeys(names, "x" * 200)
    variables["N" * limits.ENVIRONMENT_TEXT_MAX] = "a long name"
    variables["LONGSHORE_CHECK_LONG"] = "v" * limits.ENVIRONMENT_TEXT_MAX
    return variables


_ODD_VALUES = {
    "LONGSHORE_CHECK_EMPTY": "",
    "LONGSHORE_CHECK_QUOTES": "a \"double\" and a 'single' one",
    "LONGSHORE_CHECK_LINES": "two\nlines",
    "LONGSHORE_CHECK_UNICODE": "Größe 大きさ 🚢",
    "LONGSHORE_CHECK_SHELL": "$(false) `false` ${HOME} %s \\ ; & | *",
    "LONGSHORE_CHECK_JSON": '{"a": [1, 2, null]}',
}
# The variables of a batch job; the SDK's local mode writes True.
_BATCH = {
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "100",
    "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
    "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
}

_WAYS: dict[str, Callable[[How], How]] = {
    "A4-any-user": lambda how: replace(how, user=_ODD_USER),
    "A4-read-only-root": lambda how: replace(how, read_only_root=True),
    "A5-no-network": lambda how: replace(how, isolated=True),
    "A6-many-variables": lambda how: how.with_environment(**_many()),
    "A6-odd-values": lambda how: how.with_environment(**_ODD_VALUES),
    "C2-batch": lambda how: how.with_environment(**_BATCH),
    "C2-batch-local": lambda how: how.with_environment(**{**_BATCH, "SAGEMAKER_BATCH": "True"}),
}


def _together(session: Session) -> frozenset[str]:
    """Return the ways in which it serves for sure: all that this engine supports, or none."""
    for impossible in (_known_impossible, _impossible):
        how, tried = session.usual(), set()
        for way, change in _WAYS.items():
            if way != "C2-batch-local" and way not in impossible(session):
                how = change(how)
                tried.add(way)
        # No more variables than a model may have in all.
        fill = [name for name in how.environment if name.startswith(_FILL)]
        surplus = set(fill[: max(0, len(how.environment) - limits.ENVIRONMENT_MAX)])
        how = replace(how, environment={n: v for n, v in how.environment.items() if n not in surplus})
        with contextlib.suppress(NotTried):  # the engine does not support all of them: leave those out
            return frozenset() if serves(session, how) else frozenset(tried)
    return frozenset()


def _known_impossible(session: Session) -> dict[str, str]:
    """Return the ways that the host engine lacks, with the reasons."""
    if not session.on_host:
        return {}
    return {
        "A4-any-user": "a checkout's files belong to this machine's user: check the image",
        "A5-no-network": "a program of this machine keeps its network: check the image",
    }


def _impossible(session: Session) -> dict[str, str]:
    """Return the ways that this engine lacks, with the reasons."""

    def ask() -> dict[str, str]:
        found = _known_impossible(session)
        for way in {"A4-any-user", "A4-read-only-root", "A5-no-network"} - found.keys():
            try:
                with session.started(_WAYS[way](session.usual())) as server:
                    server.client  # noqa: B018  # it may be out of reach
            except NotTried as why_not:
                found[way] = str(why_not)
        return found

    return session.once("impossible", ask)


def _way(session: Session, way: str, remedy: str) -> Outcome:
    if way in session.once("together", lambda: _together(session)):
        return passed("served with all unusual starts at once")
    if why_not := _impossible(session).get(way):
        return not_tried(why_not)
    is_error = way == "C2-batch"  # the others are warnings, and not worth 8 minutes each
    wrong = serves(session, _WAYS[way](session.usual()), as_long_as_sagemaker=is_error)
    if wrong is None:
        return passed()
    if control := starts_again(session):
        return not_tried(f"a second container does not serve with nothing changed either: {control}")
    return failed(wrong, remedy)


def _start_rule(id: str, severity: Severity, group: Group, title: str, why: str, remedy: str) -> None:
    rule(id, severity, group, title, why, needs="image", alone=True)(
        lambda session: _way(session, id, remedy)
    )


_start_rule(
    "A4-any-user",
    Severity.WARNING,
    Group.START,
    "It serves as any user id",
    "Serverless endpoints run it as a user who is not in /etc/passwd and owns no files.",
    "Make files readable for all users, write to /tmp only, and do not look up the user's name or home.",
)
_start_rule(
    "A4-read-only-root",
    Severity.NOTE,
    Group.START,
    "It serves with a read-only file system and a writable /tmp",
    "No source says which paths are writable; /tmp is in all of them.",
    "Write to /tmp only.",
)
_start_rule(
    "A5-no-network",
    Severity.WARNING,
    Group.START,
    "It serves without a network",
    "With EnableNetworkIsolation there are no downloads, no S3 and no credentials.",
    "Put everything it needs into the image or into model.tar.gz.",
)
_start_rule(
    "A6-many-variables",
    Severity.WARNING,
    Group.START,
    "It serves with 100 environment variables, of up to 1024 characters",
    "A model may define that many.",
    "Ignore unknown variables, and do not copy the environment into command lines.",
)
_start_rule(
    "A6-odd-values",
    Severity.WARNING,
    Group.START,
    "It serves with quotes, line breaks and Unicode in variables",
    "A variable of a model may have any value.",
    "Quote variables in shell scripts, and do not write the environment into configuration files.",
)
_start_rule(
    "C2-batch",
    Severity.ERROR,
    Group.BATCH,
    "It serves with the variables of a batch job",
    "A transform job starts the same `serve` with SAGEMAKER_BATCH=true.",
    "Serve in the same way if SAGEMAKER_BATCH is set.",
)
_start_rule(
    "C2-batch-local",
    Severity.WARNING,
    Group.BATCH,
    "It serves with SAGEMAKER_BATCH=True",
    "The local mode of the SageMaker SDK writes it with a capital letter.",
    "Compare SAGEMAKER_BATCH case-insensitively.",
)
