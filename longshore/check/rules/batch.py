"""Batch transform: what /execution-parameters says, and whether it is kept (C1, C3, C5)."""

from __future__ import annotations

import json
from typing import Any

from longshore import limits
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

_STRATEGIES = ("MULTI_RECORD", "SINGLE_RECORD", "MultiRecord", "SingleRecord")
_TIMES = 3  # how often the payload's lines are sent in one request
_KEYS = {"MaxConcurrentTransforms": int, "BatchStrategy": str, "MaxPayloadInMB": int}


def _asked(session: Session) -> Exchange:
    return session.once("parameters", lambda: session.client.get("/execution-parameters"))


def _parameters(session: Session) -> dict[str, Any] | None:
    """What it says; None where it says nothing, or nothing that can be read: another rule's."""
    seen = _asked(session)
    if seen.status != 200:
        return None
    try:
        value = json.loads(seen.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


_NONE = "it has no /execution-parameters, or none that can be read"


@rule(
    "C1-asked",
    Severity.ERROR,
    Group.BATCH,
    "GET /execution-parameters is 200, or 404",
    "A transform job asks for it first; without it the job's own settings count.",
)
def asked(session: Session) -> Outcome:
    seen = _asked(session)
    if seen.status == 200 or seen.refused:
        return passed(str(seen))
    return failed(str(seen), "Answer with the parameters as JSON, or with 404.")


@rule(
    "C1-json",
    Severity.ERROR,
    Group.BATCH,
    "/execution-parameters is JSON with keys and types that SageMaker knows",
    "A job that cannot read it fails before its first request.",
)
def is_json(session: Session) -> Outcome:
    seen = _asked(session)
    if seen.status != 200:
        return not_applicable("it has no /execution-parameters")
    value = _parameters(session)
    remedy = 'Answer {"MaxConcurrentTransforms": 8, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}.'
    if value is None:
        return failed(str(seen), remedy)
    wrong = [
        f"{key}: {value[key]!r}"
        for key, kind in _KEYS.items()
        if key in value and (not isinstance(value[key], kind) or isinstance(value[key], bool))
    ]
    wrong += [f"unknown key {key!r}" for key in value if key not in _KEYS]
    return failed(", ".join(wrong), remedy) if wrong else passed(str(seen))


@rule(
    "C3-limits",
    Severity.ERROR,
    Group.BATCH,
    "What /execution-parameters says is within SageMaker's limits",
    "A payload of at most 100 MB, and payload times requests at once of at most 100 MB: else the job fails.",
)
def within_limits(session: Session) -> Outcome:
    value = _parameters(session)
    if value is None:
        return not_applicable(_NONE)
    concurrency, payload = value.get("MaxConcurrentTransforms", 1), value.get("MaxPayloadInMB", 6)
    if not isinstance(concurrency, int) or not isinstance(payload, int):
        return not_applicable("its numbers are none, see C1-json")
    wrong = []
    if not 0 <= payload <= limits.PAYLOAD_MB_BATCH:
        wrong.append(f"MaxPayloadInMB {payload}")
    if concurrency < 1:
        wrong.append(f"MaxConcurrentTransforms {concurrency}")
    if concurrency * payload > limits.TRANSFORM_TOTAL_MB:
        wrong.append(f"{concurrency} × {payload} MB is more than {limits.TRANSFORM_TOTAL_MB} MB")
    if value.get("BatchStrategy", "MULTI_RECORD") not in _STRATEGIES:
        wrong.append(f"BatchStrategy {value['BatchStrategy']!r}")
    return failed("; ".join(wrong), "Lower what is too large.") if wrong else passed(json.dumps(value))


@rule(
    "C1-keeps-its-word",
    Severity.ERROR,
    Group.BATCH,
    "A body as large as its MaxPayloadInMB is taken",
    "The job cuts its input into bodies of that size.",
)
def keeps_its_word(session: Session) -> Outcome:
    value = _parameters(session)
    payload_mb = (value or {}).get("MaxPayloadInMB")
    if not isinstance(payload_mb, int) or not 0 < payload_mb <= limits.PAYLOAD_MB_BATCH:
        return not_applicable("it names no size")
    try:
        payload = session.valid()
    except NotTried:
        payload = Payload(b"[[1.0]]", payloads.JSON, "a guess", guessed=True)
    answer = session.client.post(payloads.enlarged(payload, payload_mb * limits.MB), payload.content_type)
    if answer.status is not None and answer.status < 500 and answer.status != 413:
        return passed(str(answer))
    return failed(str(answer), "Name a size that its front lets through.")


def _lines(session: Session) -> tuple[list[str], list[str]] | str:
    """The lines of the payload, several times over, and those of the answer; or why there are none."""
    payload = session.valid()
    if not payload.content_type.startswith(payloads.CSV):
        return "the payload is no CSV"
    body = payload.body if payload.body.endswith(b"\n") else payload.body + b"\n"
    answer = session.once(
        "lines",
        lambda: session.client.post(body * _TIMES, payload.content_type, {"Accept": payloads.CSV}),
    )
    if not answer.ok or not answer.content_type.startswith(payloads.CSV):
        return f"no CSV comes back for CSV: {answer}"
    return body.decode("latin-1").splitlines() * _TIMES, answer.text.strip().splitlines()


@rule(
    "C5-a-line-each",
    Severity.WARNING,
    Group.BATCH,
    "As many CSV lines come back as were sent",
    "With several records in a request the outputs are joined to the inputs by their order.",
)
def line_each(session: Session) -> Outcome:
    lines = _lines(session)
    if isinstance(lines, str):
        return not_applicable(lines)
    sent, came = lines
    told = f"{len(sent)} lines sent, {len(came)} came back"
    return passed(told) if len(came) == len(sent) else failed(told, "Answer with a line for each line.")


@rule(
    "C5-in-order",
    Severity.WARNING,
    Group.BATCH,
    "CSV lines come back in the order in which they were sent",
    "The order of a file is kept in a job's output, and is all that joins the two.",
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
        return not_tried("the same lines get other answers beside others, so that none can be told apart")
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
        "Answer the lines in the order in which they came.",
    )
