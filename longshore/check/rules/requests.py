"""Predictions: the answer to a valid request, and to requests with one thing changed (A11, A15)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from longshore.check import payloads
from longshore.check.exchange import Exchange
from longshore.check.payloads import Payload
from longshore.check.rule import (
    MODEL_ERROR,
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
from longshore.check.session import NO_MODEL, Session

_AT_ONCE = 32


@rule(
    "A11-answers",
    Severity.ERROR,
    Group.REQUESTS,
    "POST /invocations answers a valid payload within 60 s",
    "Predictions are what the container is for.",
)
def answers(session: Session) -> Outcome:
    payload = session.payload()
    answer = session.first_answer()
    told = f"{answer} (payload: {payload.origin})"
    if answer.ok:
        return passed(told)
    if answer.status == 404 and session.several_models():
        return not_applicable(f"it holds several models, see B4-invoke: {told}")
    if session.without_model:
        return not_tried(f"{NO_MODEL} ({told})")
    return failed(
        told,
        "Answer with 200 if the payload is valid; else give a valid one with --payload and --content-type.",
    )


@rule(
    "A15-content-type",
    Severity.WARNING,
    Group.REQUESTS,
    "An answer has a Content-Type",
    "SageMaker passes it on; without it the caller has to guess.",
)
def says_its_type(session: Session) -> Outcome:
    answer = session.reference()
    if not answer.body:
        return not_applicable("the answer has no body")
    if answer.content_type:
        return passed(answer.content_type)
    return failed(f"{answer}, without a Content-Type", "Set the Content-Type of the answer.")


def _variants(session: Session) -> list[Payload]:
    """Return valid payloads with different answers: each known type, and each row of a CSV alone."""
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
    "Concurrent requests each get their own answer",
    "If threads share a model that is not thread-safe, one caller gets another one's data.",
)
def concurrent(session: Session) -> Outcome:
    known: list[tuple[Payload, Exchange]] = []
    for payload in _variants(session):
        first, second = (session.client.post(payload.body, payload.content_type) for _ in range(2))
        if first.ok and second.ok and first.body == second.body:
            known.append((payload, first))
    if not known:
        return not_tried("the same payload gets a different answer each time, so answers cannot be matched")

    def ask(number: int) -> tuple[Exchange, Exchange]:
        payload, alone = known[number % len(known)]
        return alone, session.client.post(payload.body, payload.content_type)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pairs = list(pool.map(ask, range(2 * _AT_ONCE)))
    all_told = f"{len(pairs)} requests, {len(known)} different payloads, {_AT_ONCE} at a time"
    answers = {alone.body for _, alone in known}
    mixed = [(alone, got) for alone, got in pairs if got.ok and got.body in answers - {alone.body}]
    if mixed:
        alone, got = mixed[0]
        return failed(
            f"{all_told}: {len(mixed)} got the answer to another payload: {got}; alone: {alone.text[:80]!r}",
            "Keep no data of a request in globals or on the model, or allow one call of the model at a time.",
        )
    if refused := [got for _, got in pairs if not got.ok]:
        return failed(
            f"{all_told}: {len(refused)} were not answered: {refused[0]}",
            "Queue requests instead of refusing them, unless callers retry.",
            Severity.WARNING,
        )
    # A rounding error of a batch, a time in the answer: another answer need not be another caller's.
    other = [(alone, got) for alone, got in pairs if got.body != alone.body]
    if other:
        alone, got = other[0]
        return not_tried(
            f"{all_told}: {len(other)} got another answer than alone, but none that of another payload: "
            f"{got}; alone: {alone.text[:80]!r}"
        )
    return passed(all_told)


@rule(
    "A11-any-accept",
    Severity.ERROR,
    Group.REQUESTS,
    "Accept: */* is answered",
    "Many clients send it by default.",
    control=True,
)
def any_accept(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.client.post(payload.body, payload.content_type, {"Accept": "*/*"})
    return (
        passed(str(answer))
        if answer.ok
        else failed(str(answer), "Treat */* like a missing Accept: answer in the default type.")
    )


def _no_failure(answer: Exchange, remedy: str) -> Outcome:
    """Pass for an answer or a 4xx, fail for a 5xx or no answer."""
    return passed(str(answer)) if answer.ok or answer.refused else failed(str(answer), remedy)


@rule(
    "A11-unknown-accept",
    Severity.WARNING,
    Group.REQUESTS,
    "An unknown Accept gets a 4xx, or an answer",
    MODEL_ERROR,
    control=True,
)
def unknown_accept(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.client.post(
        payload.body, payload.content_type, {"Accept": "application/x-longshore-check"}
    )
    return _no_failure(answer, "Answer 406 with the types that are available.")


@rule(
    "A11-unknown-type",
    Severity.WARNING,
    Group.REQUESTS,
    "An unknown Content-Type gets a 4xx, or an answer",
    MODEL_ERROR,
    control=True,
)
def unknown_type(session: Session) -> Outcome:
    answer = session.client.post(b"what is this?", "application/x-longshore-check")
    return _no_failure(answer, "Answer 415 with the types that are known.")


@rule(
    "A11-no-type",
    Severity.WARNING,
    Group.REQUESTS,
    "A request without a Content-Type gets a 4xx, or an answer",
    "InvokeEndpoint does not require one.",
    control=True,
)
def no_type(session: Session) -> Outcome:
    try:
        body = session.valid().body
    except NotTried:
        body = b"1,2,3\n"
    return _no_failure(session.client.post(body, None), "Assume a default type, or answer 415.")


@rule(
    "A11-unknown-path",
    Severity.WARNING,
    Group.REQUESTS,
    "An unknown path gets a 4xx",
    "A 200 hides mistakes, for example a missing /execution-parameters.",
)
def unknown_path(session: Session) -> Outcome:
    seen = session.client.get("/longshore-check/nothing-here")
    return passed(str(seen)) if seen.refused else failed(str(seen), "Answer 404 for unknown paths.")


@rule(
    "A11-wrong-method",
    Severity.WARNING,
    Group.REQUESTS,
    "GET, PUT and DELETE /invocations are refused",
    "SageMaker asks for predictions with POST only.",
)
def wrong_method(session: Session) -> Outcome:
    seen = [session.client.send(method, "/invocations") for method in ("GET", "PUT", "DELETE")]
    wrong = [each for each in seen if not (each.refused or each.status == 501)]
    if wrong:
        return failed(str(wrong[0]), "Answer 405 to other methods than POST.")
    return passed(", ".join(f"{each.request} → {each.status}" for each in seen))
