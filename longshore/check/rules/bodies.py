"""Request bodies: large, chunked, empty and malformed (A12, A16, C3)."""

from __future__ import annotations

from collections.abc import Iterator

from longshore import limits
from longshore.check import payloads
from longshore.check.body_limit import takes, valid_or_guess
from longshore.check.exchange import size_of
from longshore.check.rule import MODEL_ERROR, Group, Outcome, Severity, failed, passed, rule
from longshore.check.session import Session

# docs/model.md: a ValueError is a 4xx with its text, any other exception a 500.
_OWN = 'In decode or predict: raise ValueError("Send rows of four numbers."). That is a 4xx with this text.'
_OTHER = "Catch what reading the body raises, and answer 400 with what to send instead."


def _remedy(session: Session) -> str:
    return _OWN if session.built_with_longshore else _OTHER


@rule(
    "A12-25-MB",
    Severity.ERROR,
    Group.REQUESTS,
    "A body of 25 MB is accepted",
    "Real-time payloads may be that large; a proxy with a smaller limit answers 413.",
)
def real_time(session: Session) -> Outcome:
    return takes(
        session,
        limits.PAYLOAD_MB_REAL_TIME,
        "Raise the limit, for example client_max_body_size in nginx, max_request_size in multi-model-server.",
    )


@rule(
    "C3-100-MB",
    Severity.WARNING,
    Group.BATCH,
    "A body of 100 MB is accepted",
    "A transform job may set MaxPayloadInMB up to 100.",
)
def batch(session: Session) -> Outcome:
    return takes(
        session, limits.PAYLOAD_MB_BATCH, "Raise the limit to 100 MB, at least if SAGEMAKER_BATCH is set."
    )


def _odd_chunks(body: bytes) -> Iterator[bytes]:
    """Yield the body in chunks of odd sizes, which end within lines and numbers."""
    start, size = 0, 1
    while start < len(body):
        yield body[start : start + size]
        start, size = start + size, size * 2 + 1


@rule(
    "C3-chunked",
    Severity.WARNING,
    Group.BATCH,
    "A chunked body without Content-Length is answered like any other",
    "A transform job with MaxPayloadInMB=0 sends chunked bodies.",
    control=True,
)
def chunked(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, chunks=_odd_chunks(payload.body))
    if not answer.ok:
        return failed(str(answer), "Read the body to its last chunk; do not rely on Content-Length.")
    alone, again = session.reference(), session.client.post(payload.body, payload.content_type)
    if alone.body == again.body != answer.body:
        return failed(f"{answer}; with a length: {alone.text[:80]!r}", "Read all chunks.")
    return passed(str(answer))


@rule(
    "A12-empty",
    Severity.WARNING,
    Group.REQUESTS,
    "An empty body gets a 4xx, or an answer",
    MODEL_ERROR,
    control=True,
)
def empty(session: Session) -> Outcome:
    answer = session.client.post(b"", valid_or_guess(session).content_type)
    if answer.ok or answer.refused:
        return passed(str(answer))
    return failed(str(answer), _remedy(session))


def _malformed(session: Session, *types: str) -> Outcome:
    seen = []
    for kind in types:
        for what, body in payloads.MALFORMED[kind]:
            answer = session.client.post(body, kind)
            if not (answer.ok or answer.refused):
                return failed(f"{what}: {answer}", _remedy(session))
            seen.append(f"{what}: {answer.status}")
    return passed("; ".join(seen))


@rule(
    "A16-malformed-csv",
    Severity.WARNING,
    Group.REQUESTS,
    "Malformed CSV gets a 4xx, or an answer",
    MODEL_ERROR,
    control=True,
)
def malformed_csv(session: Session) -> Outcome:
    return _malformed(session, payloads.CSV)


@rule(
    "A16-malformed-json",
    Severity.WARNING,
    Group.REQUESTS,
    "Malformed JSON gets a 4xx, or an answer",
    MODEL_ERROR,
    control=True,
)
def malformed_json(session: Session) -> Outcome:
    return _malformed(session, payloads.JSON, "application/jsonlines")


@rule(
    "A16-malformed-binary",
    Severity.WARNING,
    Group.REQUESTS,
    "Malformed bodies of other types get a 4xx, or an answer",
    MODEL_ERROR,
    control=True,
)
def malformed_binary(session: Session) -> Outcome:
    known = (payloads.CSV, payloads.JSON, "application/jsonlines")
    return _malformed(session, *(kind for kind in payloads.MALFORMED if kind not in known))


@rule(
    "A16-truncated",
    Severity.WARNING,
    Group.REQUESTS,
    "Half of the valid payload gets a 4xx, or an answer",
    MODEL_ERROR,
    control=True,
)
def truncated(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.client.post(payload.body[: len(payload.body) // 2], payload.content_type)
    if answer.ok or answer.refused:
        return passed(f"{size_of(len(payload.body) // 2)}: {answer}")
    return failed(str(answer), _remedy(session))
