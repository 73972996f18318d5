"""Sessions, where a container has them: the id of one that was opened (B3)."""

from __future__ import annotations

from longshore.check.exchange import Exchange
from longshore.check.session import Session

SESSION = "X-Amzn-SageMaker-Session-Id"
NEW = "x-amzn-sagemaker-new-session-id"


def new_session(session: Session) -> Exchange:
    """The answer to the valid payload with which a session was asked for; asked once. NotTried without a
    payload."""
    payload = session.valid()
    return session.once(
        "new session",
        lambda: session.client.post(payload.body, payload.content_type, {SESSION: "NEW_SESSION"}),
    )


def session_id(opened: Exchange) -> str | None:
    """The new session's id; None where the container has none."""
    return opened.headers[NEW].partition(";")[0].strip() if NEW in opened.headers else None
