"""Streamed answers, where a container has them (B1). What a killed worker does to one is in crash.py."""

from __future__ import annotations

from longshore import limits
from longshore.check.exchange import BROKE_OFF
from longshore.check.rule import Group, Outcome, Severity, failed, not_applicable, passed, rule
from longshore.check.session import Session

_NONE = "its answers have a length"


@rule(
    "B1-ends",
    Severity.ERROR,
    Group.STREAMING,
    "A streamed answer ends as chunked answers do",
    "A stream that only breaks off cannot be told from one that was cut.",
)
def ends(session: Session) -> Outcome:
    session.payload()
    answer = session.first_answer()
    if not answer.chunked:
        return not_applicable(_NONE)
    if answer.failure == BROKE_OFF:
        return failed(
            str(answer), "End the answer with the empty chunk, also after the last byte of the model."
        )
    return passed(str(answer))


@rule(
    "B1-in-time",
    Severity.ERROR,
    Group.STREAMING,
    "A streamed answer is whole within 8 minutes",
    "SageMaker cuts it then.",
)
def in_time(session: Session) -> Outcome:
    session.payload()
    answer = session.first_answer()
    if not answer.chunked:
        return not_applicable(_NONE)
    if answer.late:
        return failed(str(answer), "Answer with less, or faster.")
    if answer.seconds > limits.INVOCATION_SECONDS:
        return passed(f"{answer.seconds:.0f} s: by InvokeEndpointWithResponseStream alone, others wait 60 s")
    return passed(f"{answer.seconds:.2f} s")
