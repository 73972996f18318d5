"""Stateful sessions (B3)."""

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
    "A new session is announced with its id and expiry",
    "SageMaker reads both, and routes later requests with that id to the same instance.",
)
def announced(session: Session) -> Outcome:
    opened = new_session(session)
    if session_id(opened) is None:
        return not_applicable(_NONE)
    told = f"{opened.status}, {NEW}: {opened.headers[NEW]}"
    wrong = None if opened.ok else "the status is not 2xx"
    wrong = wrong or _wrong(opened.headers[NEW])
    if wrong is None:
        return passed(told)
    return failed(
        f"{told}: {wrong}",
        "Answer 200 with X-Amzn-SageMaker-New-Session-Id: ID; Expires=YYYY-MM-DDThh:mm:ssZ.",
    )


def _wrong(announcement: str) -> str | None:
    """Return what is wrong with the header's value, None if it is correct."""
    found = _ANNOUNCED.fullmatch(announcement)
    if found is None:
        return "it is not ID; Expires=YYYY-MM-DDThh:mm:ssZ"
    if len(found[1]) > limits.HEADER_MAX[SESSION]:
        return f"an id has at most {limits.HEADER_MAX[SESSION]} characters"
    try:
        expires = datetime.strptime(found[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return "the time does not exist"
    return None if expires > datetime.now(UTC) else "it has expired already"


@rule(
    "B3-known-session",
    Severity.ERROR,
    Group.STREAMING,
    "A request with the id of an open session is answered",
    "Otherwise the session is of no use.",
    control=True,
)
def known(session: Session) -> Outcome:
    id = session_id(new_session(session))
    if id is None:
        return not_applicable(_NONE)
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, {SESSION: id})
    if answer.ok:
        return passed(str(answer))
    return failed(str(answer), "Keep sessions until they expire, in a place that all workers share.")


@rule(
    "B3-unknown-session",
    Severity.WARNING,
    Group.STREAMING,
    "An unknown session gets 400",
    "After an instance is replaced, the old sessions are unknown.",
)
def unknown(session: Session) -> Outcome:
    if session_id(new_session(session)) is None:
        return not_applicable(_NONE)
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, {SESSION: "longshore-check-no-such"})
    return passed(str(answer)) if answer.status == 400 else failed(str(answer), "Answer 400 to unknown ids.")
