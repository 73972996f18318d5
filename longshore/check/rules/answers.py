"""All the refusals and failures that the other rules have brought about, looked at together (A16)."""

from __future__ import annotations

import re

from longshore import limits
from longshore.check.exchange import Exchange
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, passed, rule
from longshore.check.session import Session

# How tracebacks look in the languages that servers are written in.
_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+|^\s+at [\w.$<>]+\([\w.]+:\d+\)"
    r"|goroutine \d+ \[|panicked at |\bat Object\.<anonymous>|Stack trace:",
    re.MULTILINE,
)
_HTML = re.compile(r"<(?:!doctype html|html|title)", re.IGNORECASE)
# What no InvokeEndpoint reaches: SageMaker sends no other methods and paths.
_INVOCATION = "POST /invocations"


def _errors(session: Session) -> list[Exchange]:
    found = list(session.client.errors)
    if not found:
        raise NotTried("nothing was refused")
    return found


@rule(
    "A16-no-traceback",
    Severity.ERROR,
    Group.REQUESTS,
    "No error shows a traceback to the caller",
    "It tells strangers about paths, code and data, and the caller nothing he can use.",
)
def no_traceback(session: Session) -> Outcome:
    errors = _errors(session)
    for exchange in errors:
        if shown := _TRACEBACK.search(exchange.text):
            return failed(
                f"{exchange.request} → {exchange.status}: …{exchange.text[shown.start() :][:160]!r}",
                "Log it, and answer with a sentence.",
            )
    return passed(f"{len(errors)} errors")


@rule(
    "A16-short",
    Severity.WARNING,
    Group.REQUESTS,
    "An error has at most 2048 characters",
    "The rest is cut off before the caller sees it.",
)
def short(session: Session) -> Outcome:
    errors = _errors(session)
    longest = max(errors, key=lambda exchange: len(exchange.text))
    told = f"{longest.request} → {longest.status}, {len(longest.text)} characters"
    if len(longest.text) > limits.ERROR_BODY_MAX:
        return failed(told, "Say what is wrong first, in a sentence or two.")
    return passed(f"{len(errors)} errors, the longest: {told}")


@rule(
    "A16-no-html",
    Severity.WARNING,
    Group.REQUESTS,
    "No refused prediction is answered with an HTML page",
    "The caller sees it as text in an exception.",
)
def no_html(session: Session) -> Outcome:
    errors = [exchange for exchange in _errors(session) if exchange.request.startswith(_INVOCATION)]
    for exchange in errors:
        if _HTML.search(exchange.text) or exchange.content_type.startswith("text/html"):
            return failed(str(exchange), "Answer as plain text or JSON, also where the framework refuses.")
    return passed(f"{len(errors)} errors")


@rule(
    "A16-says-something",
    Severity.WARNING,
    Group.REQUESTS,
    "A refused prediction says why",
    "The body is all of it that the caller sees.",
)
def says_something(session: Session) -> Outcome:
    errors = [exchange for exchange in _errors(session) if exchange.request.startswith(_INVOCATION)]
    silent = [exchange for exchange in errors if not exchange.body.strip()]
    if silent:
        return failed(f"{silent[0]}: no body", "Say in a sentence what to send instead.")
    return passed(f"{len(errors)} errors")
