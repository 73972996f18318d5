"""Streamed answers (B1). What a killed worker does to one is in crash.py."""

from __future__ import annotations

from longshore import limits
from longshore.check.exchange import BROKE_OFF
from longshore.check.rule import Group, Outcome, Severity, failed, not_applicable, passed, rule
from longshore.check.session import Session

_NONE = "its answers are not streamed"


@rule(
    "B1-ends",
    Severity.ERROR,
    Group.STREAMING,
    "A streamed answer ends with the last chunk",
    "Without it callers take the answer for one that was cut off.",
)
def ends(session: Session) -> Outcome:
    session.payload()
    answer = session.first_answer()
    if not answer.chunked:
        return not_applicable(_NONE)
    if answer.failure == BROKE_OFF:
        return failed(str(answer), "Send the empty chunk at the end of the answer.")
    return passed(str(answer))


@rule(
    "B1-in-time",
    Severity.ERROR,
    Group.STREAMING,
    "A streamed answer is complete within 8 minutes",
    "Then SageMaker cuts it off.",
)
def in_time(session: Session) -> Outcome:
    session.payload()
    answer = session.first_answer()
    if not answer.chunked:
        return not_applicable(_NONE)
    if answer.late:
        return failed(str(answer), "Send less, or send it faster.")
    if answer.seconds > limits.INVOCATION_SECONDS:
        return passed(f"{answer.seconds:.0f} s: only InvokeEndpointWithResponseStream waits that long")
    return passed(f"{answer.seconds:.2f} s")
