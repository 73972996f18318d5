"""A prediction that is asked for as it should be, and how the answer looks (A11, A15)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from longshore.check import payloads
from longshore.check.exchange import Exchange
from longshore.check.payloads import Payload
from longshore.check.rule import (
    Group,
    NotTried,
    Outcome,
    Severity,
    failed,
    not_applicable,
    not_tried,
    passed,
    rule,
)
from longshore.check.session import Session

_AT_ONCE = 32


@rule(
    "A11-answers",
    Severity.ERROR,
    Group.REQUESTS,
    "POST /invocations answers a valid payload within 60 s",
    "It is what the container is for.",
)
def answers(session: Session) -> Outcome:
    payload = session.payload()
    answer = session.first_answer()
    told = f"{answer} (payload: {payload.origin})"
    if answer.ok:
        return passed(told)
    if answer.status == 404 and session.several_models():
        return not_applicable(f"it holds several models, see B4-invoke: {told}")
    return failed(
        told, "Answer it with 200; or give a payload that is valid: --payload FILE --content-type TYPE."
    )


@rule(
    "A15-content-type",
    Severity.WARNING,
    Group.REQUESTS,
    "An answer says its Content-Type",
    "SageMaker passes it on; without it the caller has to guess.",
)
def says_its_type(session: Session) -> Outcome:
    answer = session.reference()
    if not answer.body:
        return not_applicable("the answer has no body")
    if answer.content_type:
        return passed(answer.content_type)
    return failed(f"{answer}, without a Content-Type", "Set it.")


def _variants(session: Session) -> list[Payload]:
    """Valid payloads whose answers tell them apart: of each type that is known, and of a CSV each row
    alone."""
    valid = session.valid()
    found = [valid]
    if session.project is not None:
        found += [each for each in payloads.of_project(session.project) if each.body != valid.body]
    for payload in list(found):
        if payload.content_type == payloads.CSV:
            rows = payload.body.splitlines(keepends=True)
            if 1 < len(rows) <= 16:
                found += [Payload(row, payloads.CSV, payload.origin) for row in rows]
    return found


@rule(
    "A11-concurrent",
    Severity.ERROR,
    Group.REQUESTS,
    "Requests sent at the same time each get their own answer",
    "A model shared by threads that was not made for it answers one caller with another one's data.",
)
def concurrent(session: Session) -> Outcome:
    known: list[tuple[Payload, Exchange]] = []
    for payload in _variants(session):
        first, second = (session.client.post(payload.body, payload.content_type) for _ in range(2))
        if first.ok and second.ok and first.body == second.body:
            known.append((payload, first))
    if not known:
        return not_tried(
            "the same payload gets another answer each time, so that none can be told from another"
        )

    def ask(number: int) -> tuple[Exchange, Exchange]:
        payload, alone = known[number % len(known)]
        return alone, session.client.post(payload.body, payload.content_type)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pairs = list(pool.map(ask, range(2 * _AT_ONCE)))
    wrong = [(alone, got) for alone, got in pairs if not got.ok or got.body != alone.body]
    if wrong:
        alone, got = wrong[0]
        return failed(
            f"{len(wrong)} of {len(pairs)}, {_AT_ONCE} at a time, got another answer than alone: {got}; "
            f"alone: {alone.status} {alone.text[:80]!r}",
            "Keep nothing of a request in globals or on the model; allow one call of the model at a time.",
        )
    return passed(f"{len(pairs)} requests, {len(known)} different payloads, {_AT_ONCE} at a time")


@rule(
    "A11-any-accept",
    Severity.ERROR,
    Group.REQUESTS,
    "Accept: */* is answered",
    "It is what clients send that do not care.",
)
def any_accept(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, {"Accept": "*/*"})
    return passed(str(answer)) if answer.ok else failed(str(answer), "Take */* for the default.")


def _no_failure(answer: Exchange, remedy: str) -> Outcome:
    """What must be an answer or a refusal, and no failure of the container."""
    return passed(str(answer)) if answer.ok or answer.refused else failed(str(answer), remedy)


@rule(
    "A11-unknown-accept",
    Severity.WARNING,
    Group.REQUESTS,
    "An unknown Accept gets 406, or an answer",
    "A 5xx blames the container for what the caller asked.",
)
def unknown_accept(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.client.post(
        payload.body, payload.content_type, {"Accept": "application/x-longshore-check"}
    )
    return _no_failure(answer, "Answer 406 and say what there is.")


@rule(
    "A11-unknown-type",
    Severity.ERROR,
    Group.REQUESTS,
    "An unknown Content-Type gets 415, or an answer",
    "A 5xx blames the container, and counts as its failure in the metrics.",
)
def unknown_type(session: Session) -> Outcome:
    answer = session.client.post(b"what is this?", "application/x-longshore-check")
    return _no_failure(answer, "Answer 415 and say which types are known.")


@rule(
    "A11-no-type",
    Severity.ERROR,
    Group.REQUESTS,
    "A request without a Content-Type gets an answer, or a refusal",
    "InvokeEndpoint does not demand one.",
)
def no_type(session: Session) -> Outcome:
    try:
        body = session.valid().body
    except NotTried:
        body = b"1,2,3\n"
    return _no_failure(session.client.post(body, None), "Take a default, or answer 415.")


@rule(
    "A11-unknown-path",
    Severity.WARNING,
    Group.REQUESTS,
    "An unknown path is 404",
    "A 200 or a 5xx there hides a caller's mistake.",
)
def unknown_path(session: Session) -> Outcome:
    seen = session.client.get("/longshore-check/nothing-here")
    return passed(str(seen)) if seen.refused else failed(str(seen), "Answer 404.")


@rule(
    "A11-wrong-method",
    Severity.WARNING,
    Group.REQUESTS,
    "GET, PUT and DELETE /invocations are refused",
    "Predictions are asked for by POST alone.",
)
def wrong_method(session: Session) -> Outcome:
    seen = [session.client.send(method, "/invocations") for method in ("GET", "PUT", "DELETE")]
    wrong = [each for each in seen if not (each.refused or each.status == 501)]
    if wrong:
        return failed(str(wrong[0]), "Answer 405.")
    return passed(", ".join(f"{each.request} → {each.status}" for each in seen))
