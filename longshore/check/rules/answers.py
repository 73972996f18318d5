"""The errors that the other rules have caused (A16)."""

from __future__ import annotations

import re

from longshore import limits
from longshore.check.exchange import Exchange
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, passed, rule
from longshore.check.session import Session

# Tracebacks of the languages that servers are written in.
_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+|^\s+at [\w.$<>]+\([\w.]+:\d+\)"
    r"|goroutine \d+ \[|panicked at |\bat Object\.<anonymous>|Stack trace:",
    re.MULTILINE,
)
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_START = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|title|body|h1)\b",
    re.IGNORECASE | re.DOTALL,
)
# SageMaker sends no other method and path.
_INVOCATION = "POST /invocations"


def _errors(session: Session) -> list[Exchange]:
    found = list(session.client.errors)
    if not found:
        raise NotTried("nothing was refused")
    return found


@rule(
    "A16-no-traceback",
    Severity.WARNING,
    Group.REQUESTS,
    "No error shows a traceback to the caller",
    "It reveals paths, code and data, and does not help the caller.",
)
def no_traceback(session: Session) -> Outcome:
    errors = _errors(session)
    for exchange in errors:
        if shown := _TRACEBACK.search(exchange.text):
            return failed(
                f"{exchange.request} → {exchange.status}: …{exchange.text[shown.start() :][:160]!r}",
                "Log the traceback, and answer with one sentence.",
            )
    return passed(f"{len(errors)} errors")


@rule(
    "A16-short",
    Severity.WARNING,
    Group.REQUESTS,
    "An error has at most 2048 characters",
    "SageMaker cuts the rest off.",
)
def short(session: Session) -> Outcome:
    errors = _errors(session)
    longest = max(errors, key=lambda exchange: len(exchange.text))
    told = f"{longest.request} → {longest.status}, {len(longest.text)} characters"
    if len(longest.text) > limits.ERROR_BODY_MAX:
        return failed(told, "State the cause first, in one or two sentences.")
    return passed(f"{len(errors)} errors, the longest: {told}")


def _is_html(exchange: Exchange) -> bool:
    """Whether an answer is HTML by its type or its start; an error may also quote HTML that was sent."""
    kind = exchange.content_type.partition(";")[0].strip().lower()
    return kind in _HTML_TYPES or bool(_HTML_START.match(exchange.text.lstrip("\ufeff")))


@rule(
    "A16-no-html",
    Severity.WARNING,
    Group.REQUESTS,
    "A refused prediction is not answered with an HTML page",
    "The caller gets the HTML as the text of an exception.",
)
def no_html(session: Session) -> Outcome:
    errors = [exchange for exchange in _errors(session) if exchange.request.startswith(_INVOCATION)]
    for exchange in errors:
        if _is_html(exchange):
            return failed(
                str(exchange),
                "Answer with plain text or JSON, also for errors of framework and proxy.",
            )
    return passed(f"{len(errors)} errors")


@rule(
    "A16-says-something",
    Severity.WARNING,
    Group.REQUESTS,
    "A refused prediction states the reason",
    "The caller sees nothing but the body.",
)
def says_something(session: Session) -> Outcome:
    errors = [exchange for exchange in _errors(session) if exchange.request.startswith(_INVOCATION)]
    silent = [exchange for exchange in errors if not exchange.body.strip()]
    if silent:
        return failed(f"{silent[0]}: no body", "State in a sentence what to send instead.")
    return passed(f"{len(errors)} errors")


@rule(
    "A11-still-answers",
    Severity.ERROR,
    Group.REQUESTS,
    "The valid payload is still answered after all other requests",
    "Otherwise one caller's mistake makes the container useless for all others.",
)
def still_answers(session: Session) -> Outcome:
    payload = session.valid()
    answer = session.answer_of(session.client, payload)
    if answer.ok:
        return passed(str(answer))
    return failed(
        str(answer),
        "Find the request in the log after which it failed; restore the state, or restart the worker.",
    )


@rule(
    "B6-answer-headers",
    Severity.WARNING,
    Group.REQUESTS,
    "The headers of an answer have at most 4,096 bytes",
    "An asynchronous invocation fails if they have more in all.",
)
def answer_headers(session: Session) -> Outcome:
    answers = [session.reference(), *session.errors]
    longest = max(answers, key=lambda answer: answer.header_bytes)
    told = f"{longest.request} → {longest.status}, {longest.header_bytes} bytes of headers"
    if longest.header_bytes > limits.ASYNC_ANSWER_HEADER_BYTES_MAX:
        return failed(told, "Put the data into the body, or into a file that a header names.")
    return passed(told)
