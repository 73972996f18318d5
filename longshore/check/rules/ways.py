"""The ways in which SageMaker may start a container: other users, no network, odd variables (A4 to A6, C2).

Each is a start of its own only where a start with all of them at once fails: what serves with all of
them serves with each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from longshore import limits
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, not_tried, passed, rule
from longshore.check.served import How, NotReady
from longshore.check.session import Session

_ODD_USER = "54321:54321"


def _answers(session: Session, how: How) -> str | None:
    """None where a container started so serves as the shared one does; otherwise what went wrong."""
    try:
        with session.ready(how) as server:
            try:
                payload = session.valid()
            except NotTried:
                return None
            answer = session.answer_of(server.client, payload)
            return None if answer.ok else str(answer)
    except NotReady as why_not:
        return str(why_not)


_FILL = "LONGSHORE_CHECK_FILL_"


def _many() -> dict[str, str]:
    """As many variables as a model may have, one with the longest name, one with the longest value; under 32
    KB."""
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
# What a batch job sets; the SDK's local mode writes True.
_BATCH = {
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6",
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
    """The ways in which it certainly serves: all that this engine can do, if it serves with all of them."""
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
        with contextlib.suppress(
            NotTried
        ):  # the engine cannot do all of it: ask for each, and leave that out
            return frozenset() if _answers(session, how) else frozenset(tried)
    return frozenset()


def _known_impossible(session: Session) -> dict[str, str]:
    """The ways that no host engine has, with the reason for each."""
    if not session.on_host:
        return {}
    return {
        "A4-any-user": "a checkout's files belong to this machine's user: check the image",
        "A5-no-network": "a program of this machine keeps its network: check the image",
    }


def _impossible(session: Session) -> dict[str, str]:
    """The ways this engine has not, with its reason for each."""

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
        return passed("served so, together with the other ways to start")
    if why_not := _impossible(session).get(way):
        return not_tried(why_not)
    wrong = _answers(session, _WAYS[way](session.usual()))
    return passed() if wrong is None else failed(wrong, remedy)


def _start_rule(id: str, severity: Severity, group: Group, title: str, why: str, remedy: str) -> None:
    rule(id, severity, group, title, why, needs="image", alone=True)(
        lambda session: _way(session, id, remedy)
    )


_start_rule(
    "A4-any-user",
    Severity.WARNING,
    Group.START,
    "It serves as any user id",
    "Serverless endpoints run it as a user that is not in its /etc/passwd and owns none of its files.",
    "Write below TMPDIR only, read what everyone can read, and do not look up the user's name or home.",
)
_start_rule(
    "A4-read-only-root",
    Severity.NOTE,
    Group.START,
    "It serves with a read-only file system and a writable /tmp",
    "No source says which paths can be written to; /tmp is what all agree on.",
    "Write below TMPDIR only.",
)
_start_rule(
    "A5-no-network",
    Severity.ERROR,
    Group.START,
    "It serves without a network",
    "With network isolation there is none: no download at the start, no S3, no credentials.",
    "Put all it needs into the image or the model's archive.",
)
_start_rule(
    "A6-many-variables",
    Severity.ERROR,
    Group.START,
    "It serves with 100 environment variables, of up to 1024 characters",
    "A model may have so many.",
    "Ignore variables you do not know, and copy none into fixed buffers or command lines.",
)
_start_rule(
    "A6-odd-values",
    Severity.ERROR,
    Group.START,
    "It serves with variables of every odd character",
    "Quotes, line ends and other scripts are all allowed in a variable's value.",
    "Quote what a start script expands, and do not write the environment into configuration files.",
)
_start_rule(
    "C2-batch",
    Severity.ERROR,
    Group.BATCH,
    "It serves with the variables of a batch job",
    "A transform job starts the same `serve` with SAGEMAKER_BATCH=true.",
    "Serve as ever where SAGEMAKER_BATCH is set.",
)
_start_rule(
    "C2-batch-local",
    Severity.WARNING,
    Group.BATCH,
    "It serves with SAGEMAKER_BATCH=True",
    "The SageMaker SDK's local mode writes it with a capital letter.",
    "Read SAGEMAKER_BATCH whatever its case.",
)
