"""Headers of a request: the longest, unknown ones, and the same type written in another way (A13, A14)."""

from __future__ import annotations

from longshore import limits
from longshore.check.exchange import Exchange
from longshore.check.rule import Group, Outcome, Severity, failed, not_applicable, passed, rule
from longshore.check.session import Session
from longshore.check.stateful import SESSION, new_session, session_id

_TYPE_REMEDY = "Compare the type without its parameters and in lower case."


def _with(session: Session, headers: dict[str, str], content_type: str | None = None) -> Exchange:
    payload = session.valid()
    return session.client.post(payload.body, content_type or payload.content_type, headers)


def _must_answer(answer: Exchange, remedy: str) -> Outcome:
    return passed(str(answer)) if answer.ok else failed(str(answer), remedy)


@rule(
    "A13-type-case",
    Severity.WARNING,
    Group.REQUESTS,
    "The Content-Type may be written in capitals",
    "Types have no case: Text/CSV is text/csv.",
)
def type_case(session: Session) -> Outcome:
    main, _, parameters = session.valid().content_type.partition(";")
    top, _, sub = main.partition("/")
    written = f"{top.capitalize()}/{sub.upper()}" + (f";{parameters}" if parameters else "")
    return _must_answer(_with(session, {}, written), _TYPE_REMEDY)


@rule(
    "A13-type-charset",
    Severity.ERROR,
    Group.REQUESTS,
    "The Content-Type may have a parameter",
    "Many HTTP clients add `; charset=utf-8` unasked.",
)
def type_charset(session: Session) -> Outcome:
    kind = session.valid().content_type
    if ";" in kind:
        return passed(f"the payload's own type has one: {kind}")
    return _must_answer(_with(session, {}, f"{kind}; charset=utf-8"), _TYPE_REMEDY)


@rule(
    "A13-unknown-headers",
    Severity.ERROR,
    Group.REQUESTS,
    "Unknown headers are ignored",
    "SageMaker may add its own.",
)
def unknown_headers(session: Session) -> Outcome:
    unknown = {
        "X-Amzn-SageMaker-Longshore-Check": "a header of tomorrow",
        "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
        "X-Forwarded-For": "169.254.180.2",
        "Via": "1.1 somewhere",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "Cookie": "a=b; c=d",
        "X-Empty": "",
    }
    return _must_answer(_with(session, unknown), "Ignore headers you do not know.")


@rule(
    "A14-longest",
    Severity.ERROR,
    Group.REQUESTS,
    "All of InvokeEndpoint's headers at once, each as long as can be, are taken",
    "A front with small buffers answers 400 or 431.",
)
def longest(session: Session) -> Outcome:
    headers = {name: "a" * size for name, size in limits.HEADER_MAX.items()}
    del headers["Content-Type"]
    size = limits.HEADER_MAX["Accept"]
    headers["Accept"] = ("*/*" + ", application/x-longshore-check" * size)[:size]
    kind = f"{session.valid().content_type}; longshore-check="
    content_type = kind + "p" * (limits.HEADER_MAX["Content-Type"] - len(kind))
    if session_id(new_session(session)) is not None:
        headers[SESSION] = "NEW_SESSION"  # an id it does not know gets a 400, and must (B3)
    answer = _with(session, headers, content_type)
    if answer.refused and answer.status not in (400, 431, 414):
        # It has read them all, and has its reasons against what they say: an unknown session, or component.
        return passed(str(answer))
    return _must_answer(answer, "Give the front buffers of 8 KB and more for headers.")


@rule(
    "A14-custom-attributes",
    Severity.ERROR,
    Group.REQUESTS,
    "Custom attributes of 1024 characters, of every printable kind, are taken",
    "Callers put JSON, quotes and semicolons there.",
)
def custom_attributes(session: Session) -> Outcome:
    printable = "".join(map(chr, range(0x21, 0x7F)))
    name = "X-Amzn-SageMaker-Custom-Attributes"
    value = (printable * (limits.HEADER_MAX[name] // len(printable) + 1))[: limits.HEADER_MAX[name]]
    return _must_answer(_with(session, {name: value}), "Take the header for a text, whatever it holds.")


@rule(
    "A14-inference-id",
    Severity.NOTE,
    Group.REQUESTS,
    "An answer that names an inference id names the request's",
    "It is what ties an answer to the captured data.",
)
def inference_id(session: Session) -> Outcome:
    name = "X-Amzn-SageMaker-Inference-Id"
    wanted = "longshore-check-0123456789"
    answer = _with(session, {name: wanted})
    found = answer.headers.get(name.lower())
    if found is None:
        return not_applicable("the answer names none")
    if found != wanted:
        return failed(f"{wanted} was sent, {found} came back", "Send back the id that came.")
    return passed(found)
