"""The id of a stateful session (B3)."""

from __future__ import annotations

from longshore.check.exchange import Exchange
from longshore.check.session import Session

SESSION = "X-Amzn-SageMaker-Session-Id"
NEW = "x-amzn-sagemaker-new-session-id"


def new_session(session: Session) -> Exchange:
    """Ask for a session with the valid payload, once, and return the answer. Raises NotTried without a
    payload."""
    payload = session.valid()
    return session.once(
        "new session",
        lambda: session.client.post(payload.body, payload.content_type, {SESSION: "NEW_SESSION"}),
    )


def session_id(opened: Exchange) -> str | None:
    """Return the new session's id; None if the container has no sessions."""
    return opened.headers[NEW].partition(";")[0].strip() if NEW in opened.headers else None
