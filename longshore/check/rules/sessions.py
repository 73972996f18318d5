"""Stateful sessions, where a container has them (B3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from longshore import limits
from longshore.check.rule import Group, Outcome, Severity, failed, not_applicable, passed, rule
from longshore.check.session import Session
from longshore.check.stateful import NEW, SESSION, new_session, session_id

_ANNOUNCED = re.compile(r"([^;]+); Expires=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_NONE = "it has no sessions: none is announced for NEW_SESSION"


@rule(
    "B3-new-session",
    Severity.ERROR,
    Group.STREAMING,
    "A new session is announced with an id and when it expires",
    "SageMaker reads both, and sends all later requests with that id to the same instance.",
)
def announced(session: Session) -> Outcome:
    opened = new_session(session)
    if session_id(opened) is None:
        return not_applicable(_NONE)
    told = f"{opened.status}, {NEW}: {opened.headers[NEW]}"
    wrong = None if opened.ok else "the status is no 2xx"
    wrong = wrong or _wrong(opened.headers[NEW])
    if wrong is None:
        return passed(told)
    return failed(
        f"{told}: {wrong}",
        "Answer 200 with X-Amzn-SageMaker-New-Session-Id: ID; Expires=YYYY-MM-DDThh:mm:ssZ.",
    )


def _wrong(announcement: str) -> str | None:
    """What is wrong with the header's value, None where nothing is."""
    found = _ANNOUNCED.fullmatch(announcement)
    if found is None:
        return "it is not ID; Expires=YYYY-MM-DDThh:mm:ssZ"
    if len(found[1]) > limits.HEADER_MAX[SESSION]:
        return f"an id has at most {limits.HEADER_MAX[SESSION]} characters"
    try:
        expires = datetime.strptime(found[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return "there is no such time"
    return None if expires > datetime.now(UTC) else "that is over already"


@rule(
    "B3-known-session",
    Severity.ERROR,
    Group.STREAMING,
    "A request with the id of a session that was opened is answered",
    "That is what a session is for.",
)
def known(session: Session) -> Outcome:
    id = session_id(new_session(session))
    if id is None:
        return not_applicable(_NONE)
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, {SESSION: id})
    if answer.ok:
        return passed(str(answer))
    return failed(str(answer), "Keep a session until it expires, where all workers find it.")


@rule(
    "B3-unknown-session",
    Severity.WARNING,
    Group.STREAMING,
    "A session it does not know is refused with 400",
    "An instance that was replaced knows none of the sessions before.",
)
def unknown(session: Session) -> Outcome:
    if session_id(new_session(session)) is None:
        return not_applicable(_NONE)
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, {SESSION: "longshore-check-no-such"})
    return passed(str(answer)) if answer.status == 400 else failed(str(answer), "Answer 400.")
