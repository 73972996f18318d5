"""Batch transform: /execution-parameters, and the order of answers (C1, C3, C5)."""

from __future__ import annotations

import json
from typing import Any

from longshore import limits
from longshore.check import payloads
from longshore.check.body_limit import takes
from longshore.check.exchange import Exchange
from longshore.check.large import padable
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

_STRATEGIES = ("MULTI_RECORD", "SINGLE_RECORD", "MultiRecord", "SingleRecord")
_TIMES = 3  # repeats of the payload's lines in one request
_KEYS = {"MaxConcurrentTransforms": int, "BatchStrategy": str, "MaxPayloadInMB": int}


def _asked(session: Session) -> Exchange:
    return session.once("parameters", lambda: session.client.get("/execution-parameters"))


def _parameters(session: Session) -> dict[str, Any] | None:
    """Return the parsed parameters; None if there are none or they are no JSON object (C1-json)."""
    seen = _asked(session)
    if seen.status != 200:
        return None
    try:
        value = json.loads(seen.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


_NONE = "there are no /execution-parameters, or they are no JSON object"


@rule(
    "C1-asked",
    Severity.WARNING,
    Group.BATCH,
    "GET /execution-parameters is 200, or a 4xx",
    "A transform job asks for it first. After a 4xx its own settings apply; a 5xx is not documented.",
)
def asked(session: Session) -> Outcome:
    seen = _asked(session)
    if seen.status == 200 or seen.refused:
        return passed(str(seen))
    return failed(str(seen), "Answer with the parameters as JSON, or with 404.")


@rule(
    "C1-json",
    Severity.WARNING,
    Group.BATCH,
    "/execution-parameters is a JSON object with the keys and types that SageMaker knows",
    "What a transform job does with anything else is not documented.",
)
def is_json(session: Session) -> Outcome:
    seen = _asked(session)
    if seen.status != 200:
        return not_applicable("there is no /execution-parameters")
    value = _parameters(session)
    remedy = 'Answer {"MaxConcurrentTransforms": 8, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}.'
    if value is None:
        return failed(str(seen), remedy)
    wrong = [
        f"{key}: {value[key]!r}"
        for key, kind in _KEYS.items()
        if key in value and (not isinstance(value[key], kind) or isinstance(value[key], bool))
    ]
    if wrong:
        return failed(", ".join(wrong), remedy)
    if unknown := [repr(key) for key in value if key not in _KEYS]:
        return failed(f"unknown keys: {', '.join(unknown)}", remedy)
    return passed(str(seen))


@rule(
    "C3-limits",
    Severity.WARNING,
    Group.BATCH,
    "/execution-parameters stays within SageMaker's limits",
    "CreateTransformJob refuses a payload, or payload times concurrent requests, of over 100 MB.",
)
def within_limits(session: Session) -> Outcome:
    value = _parameters(session)
    if value is None:
        return not_applicable(_NONE)
    concurrency, payload = value.get("MaxConcurrentTransforms", 1), value.get("MaxPayloadInMB", 6)
    if not isinstance(concurrency, int) or not isinstance(payload, int):
        return not_applicable("its values are not numbers, see C1-json")
    wrong = []
    if not 0 <= payload <= limits.PAYLOAD_MB_BATCH:
        wrong.append(f"MaxPayloadInMB {payload}")
    if concurrency < 1:
        wrong.append(f"MaxConcurrentTransforms {concurrency}")
    if concurrency * payload > limits.TRANSFORM_TOTAL_MB:
        wrong.append(f"{concurrency} × {payload} MB is more than {limits.TRANSFORM_TOTAL_MB} MB")
    if value.get("BatchStrategy", "MULTI_RECORD") not in _STRATEGIES:
        wrong.append(f"BatchStrategy {value['BatchStrategy']!r}")
    return (
        failed(
            "; ".join(wrong),
            "Keep MaxPayloadInMB times MaxConcurrentTransforms within 100, and use a known BatchStrategy.",
        )
        if wrong
        else passed(json.dumps(value))
    )


@rule(
    "C1-keeps-its-word",
    Severity.ERROR,
    Group.BATCH,
    "A body as large as its MaxPayloadInMB is accepted",
    "The job splits its input into bodies of that size.",
)
def keeps_its_word(session: Session) -> Outcome:
    value = _parameters(session)
    payload_mb = (value or {}).get("MaxPayloadInMB")
    if not isinstance(payload_mb, int) or not 0 < payload_mb <= limits.PAYLOAD_MB_BATCH:
        return not_applicable("/execution-parameters has no valid MaxPayloadInMB")
    return takes(session, payload_mb, "Let the proxy in front accept that size, or name a smaller one.")


def _lines(session: Session) -> tuple[list[str], list[str]] | str:
    """Return the payload's lines, repeated, and those of the answer; or the reason why there are none."""
    payload = session.valid()
    if not payload.content_type.startswith(payloads.CSV):
        return "the payload is not CSV"
    rows = payload.body.splitlines()
    if len(rows) > 1 and not padable(rows[0]) and padable(rows[1]):
        return "the payload has a header line"
    body = payload.body if payload.body.endswith(b"\n") else payload.body + b"\n"
    answer = session.once(
        "lines",
        lambda: session.client.post(body * _TIMES, payload.content_type, {"Accept": payloads.CSV}),
    )
    if not answer.ok or not answer.content_type.startswith(payloads.CSV):
        return f"the answer to CSV is not CSV: {answer}"
    return body.decode("latin-1").splitlines() * _TIMES, answer.text.strip().splitlines()


@rule(
    "C5-a-line-each",
    Severity.WARNING,
    Group.BATCH,
    "A CSV answer has as many lines as the request",
    "A job with several records in a request matches outputs to inputs by their order.",
)
def line_each(session: Session) -> Outcome:
    lines = _lines(session)
    if isinstance(lines, str):
        return not_applicable(lines)
    sent, came = lines
    told = f"{len(sent)} lines sent, {len(came)} came back"
    return passed(told) if len(came) == len(sent) else failed(told, "Return one line per row.")


@rule(
    "C5-in-order",
    Severity.WARNING,
    Group.BATCH,
    "A CSV answer has its lines in the order of the request",
    "Nothing but the order of the lines links a job's output to its input.",
)
def in_order(session: Session) -> Outcome:
    lines = _lines(session)
    if isinstance(lines, str):
        return not_applicable(lines)
    _, came = lines
    payload = session.valid()
    alone = session.client.post(payload.body, payload.content_type, {"Accept": payloads.CSV})
    expected = alone.text.strip().splitlines() * _TIMES
    if sorted(came) != sorted(expected):
        return not_tried("the same lines get other answers next to other lines, so they cannot be matched")
    if len(set(came)) < 2:
        return not_tried(
            "all lines get the same answer: give a payload of different ones with --payload FILE"
        )
    told = f"{len(came)} lines"
    if came == expected:
        return passed(told)
    first = next(n for n, (got, wanted) in enumerate(zip(came, expected, strict=True)) if got != wanted)
    return failed(
        f"{told}, of which line {first + 1} came as {came[first][:60]!r} and not as {expected[first][:60]!r}",
        "Return the predictions in the order of the rows.",
    )
