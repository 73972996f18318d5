"""Whether a container of its own serves, started in a given way, and the control: one started as usual."""

from __future__ import annotations

from longshore.check.rule import NotTried
from longshore.check.served import How, NotReady
from longshore.check.session import Session


def serves(session: Session, how: How, *, as_long_as_sagemaker: bool = False) -> str | None:
    """Start a container and ask it for a prediction. Return None if it serves, else what went wrong.

    It may take 3 times as long as the shared container did, and then some; or as long as SageMaker waits.
    """
    seconds = 3 * (session.base().ready_seconds or 0.0) + 10 * session.options.settle
    if as_long_as_sagemaker or seconds > session.options.start_seconds:
        seconds = session.options.start_seconds
    try:
        with session.ready(how, seconds) as server:
            try:
                payload = session.valid()
            except NotTried:
                return None
            answer = session.answer_of(server.client, payload)
            return None if answer.ok else str(answer)
    except NotReady as why_not:
        return str(why_not)


def starts_again(session: Session) -> str | None:
    """Start a second container with nothing changed, once. Return None if it serves, else what went wrong."""
    return session.once("second start", lambda: serves(session, session.usual()))
