"""Bodies: large, chunked, empty, and those that make no sense (A12, A16, C1, C3)."""

from __future__ import annotations

from collections.abc import Iterator

from longshore import limits
from longshore.check import payloads
from longshore.check.exchange import Exchange, size_of
from longshore.check.payloads import Payload
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, passed, rule
from longshore.check.session import Session

_LADDER_MB = (1, 2, 4, 5, 6, 8, 10, 16)  # what is tried where the whole is too large, to say how much is not


def _some(session: Session) -> Payload:
    """The valid payload, or any where none was found: its type is what counts."""
    try:
        return session.valid()
    except NotTried:
        return Payload(b"[[1.0]]", payloads.JSON, "a guess", guessed=True)


def _taken(answer: Exchange) -> bool:
    """Whether a body was not too large: understood or not, it was read."""
    return answer.status is not None and answer.status < 500 and answer.status != 413


def _large(session: Session, megabytes: int, remedy: str) -> Outcome:
    payload = _some(session)
    answer = session.client.post(payloads.enlarged(payload, megabytes * limits.MB), payload.content_type)
    if _taken(answer):
        return passed(str(answer))
    for smaller in _LADDER_MB:
        if smaller >= megabytes:
            break
        tried = session.client.post(payloads.enlarged(payload, smaller * limits.MB), payload.content_type)
        if not _taken(tried):
            return failed(f"{answer}; already with {smaller} MB: {tried.status or tried.failure}", remedy)
    return failed(str(answer), remedy)


@rule(
    "A12-25-MB",
    Severity.ERROR,
    Group.REQUESTS,
    "A body of 25 MB is taken",
    "It is the largest real-time payload; smaller limits in a proxy answer 413.",
)
def real_time(session: Session) -> Outcome:
    return _large(
        session, limits.PAYLOAD_MB_REAL_TIME, "Raise the limit: client_max_body_size 25m and more in nginx."
    )


@rule(
    "C3-100-MB",
    Severity.WARNING,
    Group.BATCH,
    "A body of 100 MB is taken",
    "A transform job may set MaxPayloadInMB up to 100.",
)
def batch(session: Session) -> Outcome:
    return _large(
        session, limits.PAYLOAD_MB_BATCH, "Raise the limit to 100 MB, at least where SAGEMAKER_BATCH is set."
    )


def _odd_chunks(body: bytes) -> Iterator[bytes]:
    """In pieces of odd sizes, so that no line or number ends with one."""
    start, size = 0, 1
    while start < len(body):
        yield body[start : start + size]
        start, size = start + size, size * 2 + 1


@rule(
    "C3-chunked",
    Severity.ERROR,
    Group.BATCH,
    "A chunked body without a length is answered like any other",
    "A transform job with MaxPayloadInMB=0 sends it so.",
)
def chunked(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, chunks=_odd_chunks(payload.body))
    if not answer.ok:
        return failed(str(answer), "Read the body to its end, not as far as Content-Length says.")
    alone, again = session.reference(), session.client.post(payload.body, payload.content_type)
    if alone.body == again.body != answer.body:
        return failed(f"{answer}; with a length: {alone.text[:80]!r}", "Read all chunks.")
    return passed(str(answer))


@rule(
    "A12-empty",
    Severity.ERROR,
    Group.REQUESTS,
    "An empty body is refused, or answered",
    "A 5xx blames the container for what the caller sent.",
)
def empty(session: Session) -> Outcome:
    answer = session.client.post(b"", _some(session).content_type)
    if answer.ok or answer.refused:
        return passed(str(answer))
    return failed(str(answer), "Answer 400 and say what to send; or 204.")


def _malformed(session: Session, *types: str) -> Outcome:
    seen = []
    for kind in types:
        for what, body in payloads.MALFORMED[kind]:
            answer = session.client.post(body, kind)
            if not (answer.ok or answer.refused):
                return failed(
                    f"{what}: {answer}",
                    "Catch what reading the body raises, and answer 400 and what to send instead.",
                )
            seen.append(f"{what}: {answer.status}")
    return passed("; ".join(seen))


@rule(
    "A16-malformed-csv",
    Severity.ERROR,
    Group.REQUESTS,
    "Malformed CSV gets nothing but 4xx",
    "A 5xx counts as the container's failure, and tells the caller nothing.",
)
def malformed_csv(session: Session) -> Outcome:
    return _malformed(session, payloads.CSV)


@rule(
    "A16-malformed-json",
    Severity.ERROR,
    Group.REQUESTS,
    "Malformed JSON gets nothing but 4xx",
    "A 5xx counts as the container's failure, and tells the caller nothing.",
)
def malformed_json(session: Session) -> Outcome:
    return _malformed(session, payloads.JSON, "application/jsonlines")


@rule(
    "A16-malformed-binary",
    Severity.ERROR,
    Group.REQUESTS,
    "Malformed bodies of other types get nothing but 4xx",
    "A 5xx counts as the container's failure, and tells the caller nothing.",
)
def malformed_binary(session: Session) -> Outcome:
    known = (payloads.CSV, payloads.JSON, "application/jsonlines")
    return _malformed(session, *(kind for kind in payloads.MALFORMED if kind not in known))


@rule(
    "A16-truncated",
    Severity.ERROR,
    Group.REQUESTS,
    "The valid payload cut in half gets nothing but 4xx, or an answer",
    "Uploads break off.",
)
def truncated(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.client.post(payload.body[: len(payload.body) // 2], payload.content_type)
    if answer.ok or answer.refused:
        return passed(f"{size_of(len(payload.body) // 2)}: {answer}")
    return failed(str(answer), "Catch what reading the body raises, and answer 400.")
