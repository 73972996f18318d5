"""Streamed answers, bidirectional streams and sessions, where a container has them (B1 to B3)."""

from __future__ import annotations

import base64
import http.client
import re
import time

from longshore import limits
from longshore.check.client import Exchange
from longshore.check.rule import Group, Outcome, Severity, failed, not_applicable, passed, rule
from longshore.check.session import Session

_BIDIRECTIONAL = "com.amazonaws.sagemaker.capabilities.bidirectional-streaming"
_SESSION = "X-Amzn-SageMaker-Session-Id"
_NEW = "x-amzn-sagemaker-new-session-id"
_NEW_SESSION = re.compile(r"[^;]+; Expires=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@rule(
    "B1-ends",
    Severity.ERROR,
    Group.STREAMING,
    "A streamed answer ends as chunked answers do",
    "A stream that only breaks off cannot be told from one that was cut.",
)
def ends(session: Session) -> Outcome:
    payload = session.payload()
    answer = session.client.post(payload.body, payload.content_type)
    if answer.status is None and "broke off" in answer.failure:
        return failed(
            str(answer), "End the answer with the empty chunk, also after the last byte of the model."
        )
    if not answer.chunked:
        return not_applicable("its answers have a length")
    return passed(str(answer))


@rule(
    "B1-in-time",
    Severity.ERROR,
    Group.STREAMING,
    "A streamed answer is whole within 8 minutes",
    "SageMaker cuts it then.",
)
def in_time(session: Session) -> Outcome:
    answer = session.reference()
    if not answer.chunked:
        return not_applicable("its answers have a length")
    if answer.seconds > limits.STREAM_SECONDS:
        return failed(str(answer), "Answer with less, or faster.")
    return passed(f"{answer.seconds:.2f} s")


@rule(
    "B2-websocket",
    Severity.ERROR,
    Group.STREAMING,
    "With the label bidirectional-streaming it takes WebSockets",
    "SageMaker opens one at /invocations-bidirectional-stream.",
    needs="image",
)
def websocket(session: Session) -> Outcome:
    if session.image().labels.get(_BIDIRECTIONAL) != "true":
        return not_applicable("the image has no such label")
    named = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"longshore-check!").decode(),
    }
    request = "GET /invocations-bidirectional-stream"
    begun = time.monotonic()
    try:
        with session.client.connect(limits.PING_SECONDS) as connection:
            connection.send(connection.head("GET", "/invocations-bidirectional-stream", named))
            head = connection.socket.recv(4096)
    except (OSError, http.client.HTTPException) as error:
        return failed(f"{request} → {error!r}", "Answer 101 Switching Protocols.")
    status = head.partition(b"\r\n")[0].decode("latin-1")
    told = f"{request} → {status}, {time.monotonic() - begun:.2f} s"
    return passed(told) if b" 101 " in head[:16] else failed(told, "Answer 101 Switching Protocols.")


def _new_session(session: Session) -> Exchange:
    payload = session.valid()
    return session.once(
        "new session",
        lambda: session.client.post(payload.body, payload.content_type, {_SESSION: "NEW_SESSION"}),
    )


@rule(
    "B3-new-session",
    Severity.ERROR,
    Group.STREAMING,
    "A new session is announced with an id and when it expires",
    "SageMaker reads both, and sends all later requests with that id to the same instance.",
)
def new_session(session: Session) -> Outcome:
    answer = _new_session(session)
    found = answer.headers.get(_NEW)
    if found is None:
        return not_applicable("it has no sessions")
    if answer.ok and _NEW_SESSION.fullmatch(found):
        return passed(found)
    return failed(
        f"{answer.status}, {found}", "X-Amzn-SageMaker-New-Session-Id: ID; Expires=YYYY-MM-DDThh:mm:ssZ"
    )


@rule(
    "B3-unknown-session",
    Severity.WARNING,
    Group.STREAMING,
    "A session it does not know is refused with 400",
    "An instance that was replaced knows none of the sessions before.",
)
def unknown_session(session: Session) -> Outcome:
    if _NEW not in _new_session(session).headers:
        return not_applicable("it has no sessions")
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, {_SESSION: "longshore-check-no-such"})
    return passed(str(answer)) if answer.status == 400 else failed(str(answer), "Answer 400.")
