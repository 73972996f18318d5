"""Bidirectional streams (B2)."""

from __future__ import annotations

from longshore import limits
from longshore.check.rule import (
    Group,
    Outcome,
    Severity,
    failed,
    not_applicable,
    not_tried,
    passed,
    rule,
)
from longshore.check.session import Session
from longshore.check.websocket import NO_PONG, Handshake, open_one

_LABEL = "com.amazonaws.sagemaker.capabilities.bidirectional-streaming"
_PATH = "/invocations-bidirectional-stream"
_NONE = f"it accepts no WebSocket at {_PATH}"


def _opened(session: Session) -> Handshake:
    # A container that does not claim to accept WebSockets need not be waited for.
    patience = session.options.patience
    connect = patience if _labelled(session) else limits.PING_SECONDS
    return session.once("websocket", lambda: open_one(session.client, _PATH, connect, patience))


def _labelled(session: Session) -> bool:
    """Whether the image says that it takes them. A checkout and a URL have no labels."""
    return session.engine_or_none is not None and session.image().labels.get(_LABEL) == "true"


@rule(
    "B2-websocket",
    Severity.ERROR,
    Group.STREAMING,
    "With the label bidirectional-streaming it accepts WebSockets",
    "SageMaker opens one at /invocations-bidirectional-stream.",
)
def websocket(session: Session) -> Outcome:
    opened = _opened(session)
    if opened.accepted:
        return passed(opened.told)
    if opened.status == 101:
        return failed(opened.told, "Compute Sec-WebSocket-Accept from the key (RFC 6455), or use a library.")
    if _labelled(session):
        return failed(opened.told, "Answer 101 Switching Protocols, or remove the label.")
    return not_applicable(_NONE)


@rule(
    "B2-pong",
    Severity.ERROR,
    Group.STREAMING,
    "A WebSocket's pings are answered",
    "SageMaker sends one every 60 s, and closes the stream after 5 without an answer.",
)
def pong(session: Session) -> Outcome:
    opened = _opened(session)
    if not opened.accepted:
        return not_applicable(_NONE)
    if opened.pong is None:
        return passed("the pong came")
    if not opened.pong.startswith(NO_PONG):
        return not_tried(f"{opened.told}, but it closes the stream at a ping: {opened.pong}")
    return failed(
        f"{opened.told}, then a ping: {opened.pong}",
        "Answer each ping with a pong with its payload.",
    )


@rule(
    "B2-label",
    Severity.WARNING,
    Group.STREAMING,
    "A container that accepts WebSockets has the label bidirectional-streaming",
    "Without the label SageMaker opens none.",
    needs="image",
    not_on_host="a checkout has no labels",
)
def label(session: Session) -> Outcome:
    if not _opened(session).accepted:
        return not_applicable(_NONE)
    if _labelled(session):
        return passed(f"{_LABEL}=true")
    return failed("it has no such label", f"Add to the Dockerfile: LABEL {_LABEL}=true")
