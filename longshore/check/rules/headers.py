"""Request headers: unknown ones, long ones, and other spellings of the type (A13, A14)."""

from __future__ import annotations

from longshore import limits
from longshore.check.exchange import Exchange
from longshore.check.rule import (
    Group,
    Outcome,
    Severity,
    failed,
    not_applicable,
    not_tried,
    passed,
    rule,
)
from longshore.check.session import Session

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
    "The Content-Type is case-insensitive",
    "Text/CSV is the same type as text/csv (RFC 9110).",
    control=True,
)
def type_case(session: Session) -> Outcome:
    main, _, parameters = session.valid().content_type.partition(";")
    top, _, sub = main.partition("/")
    written = f"{top.capitalize()}/{sub.upper()}" + (f";{parameters}" if parameters else "")
    return _must_answer(_with(session, {}, written), _TYPE_REMEDY)


@rule(
    "A13-type-charset",
    Severity.WARNING,
    Group.REQUESTS,
    "The Content-Type may have a parameter",
    "Many HTTP clients add `; charset=utf-8` on their own.",
    control=True,
)
def type_charset(session: Session) -> Outcome:
    kind = session.valid().content_type
    if ";" in kind:
        return passed(f"the payload's own type has one: {kind}")
    return _must_answer(_with(session, {}, f"{kind}; charset=utf-8"), _TYPE_REMEDY)


_UNKNOWN = {
    "X-Amzn-SageMaker-Longshore-Check": "a future header",
    "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
    "X-Forwarded-For": "169.254.180.2",
    "Via": "1.1 somewhere",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Cookie": "a=b; c=d",
    "X-Empty": "",
}


@rule(
    "A13-unknown-headers",
    Severity.WARNING,
    Group.REQUESTS,
    "Unknown headers are ignored",
    "SageMaker may add its own, and so may a proxy on the way.",
    control=True,
)
def unknown_headers(session: Session) -> Outcome:
    together = _with(session, _UNKNOWN)
    if together.ok:
        return passed(str(together))
    for name, value in _UNKNOWN.items():
        alone = _with(session, {name: value})
        if not alone.ok:
            return failed(str(alone), "Ignore headers you do not know.")
    return failed(f"{together}; each of them alone is answered", "Ignore headers you do not know.")


@rule(
    "A14-longest",
    Severity.ERROR,
    Group.REQUESTS,
    "InvokeEndpoint's headers are accepted at their full length",
    "A proxy with small buffers answers 400 or 431.",
    control=True,
)
def longest(session: Session) -> Outcome:
    together = _with(session, *_headers(session, _LONG))
    if together.ok:
        return passed(str(together))
    # What a header says may be refused: only one that is answered when it is short can be too long.
    accepted = {}
    for name, length in limits.HEADER_MAX.items():
        if _with(session, *_headers(session, _SHORT, name)).ok:
            accepted[name] = length
            alone = _with(session, *_headers(session, _LONG, name))
            if not alone.ok:
                told = f"{name} of {length} characters: {alone}; a short one of the same kind is answered"
                return failed(told, _BUFFERS)
    if not accepted:
        return not_tried(f"each of the headers is refused even if it is short: {together}")
    if not _with(session, *_headers(session, _SHORT, *accepted)).ok:
        return not_tried(f"several headers together are refused even if they are short: {together}")
    long = _with(session, *_headers(session, _LONG, *accepted))
    if long.ok:
        return passed(f"{len(accepted)} headers: {long}; the others are refused even if they are short")
    told = f"{', '.join(accepted)}, {sum(accepted.values())} characters in all: {long}"
    return failed(f"{told}; short ones of the same kind are answered", _BUFFERS)


_BUFFERS = "Give the server or the proxy in front 8 KB or more for headers."
_SHORT, _LONG = False, True


def _headers(session: Session, long: bool, *names: str) -> tuple[dict[str, str], str | None]:
    """Return headers of InvokeEndpoint, all unless named, at full length or short; and the Content-Type."""
    headers = {}
    content_type = None
    for name in names or limits.HEADER_MAX:
        size = limits.HEADER_MAX[name] if long else 0
        if name == "Content-Type":
            start = f"{session.valid().content_type}; longshore-check="
            content_type = start + "p" * max(1, size - len(start))
        elif name == "Accept":
            start = "*/*, application/x-longshore-check"
            headers[name] = (start + ", application/x-longshore-check" * size)[: max(size, len(start))]
        else:
            headers[name] = "a" * max(1, size)
    return headers, content_type


@rule(
    "A14-custom-attributes",
    Severity.WARNING,
    Group.REQUESTS,
    "Custom attributes of all printable characters are accepted",
    "Callers put JSON, quotes and semicolons there.",
    control=True,
)
def custom_attributes(session: Session) -> Outcome:
    printable = "".join(map(chr, range(0x21, 0x7F)))
    name = "X-Amzn-SageMaker-Custom-Attributes"
    value = (printable * (limits.HEADER_MAX[name] // len(printable) + 1))[: limits.HEADER_MAX[name]]
    answer = _with(session, {name: value})
    if not answer.ok and not (plain := _with(session, {name: "a"})).ok:
        return not_tried(f"it does not answer {name}: a either: {plain}")
    return _must_answer(answer, "Treat the header as any text, and do not parse it without need.")


@rule(
    "A14-inference-id",
    Severity.NOTE,
    Group.REQUESTS,
    "An inference id in the answer is the one of the request",
    "It links the answer to the captured data.",
)
def inference_id(session: Session) -> Outcome:
    name = "X-Amzn-SageMaker-Inference-Id"
    wanted = "longshore-check-0123456789"
    answer = _with(session, {name: wanted})
    found = answer.headers.get(name.lower())
    if found is None:
        return not_applicable("the answer has no inference id")
    if found != wanted:
        return failed(f"{wanted} was sent, {found} came back", "Return the id of the request.")
    return passed(found)
