"""What the tests of the encoders share."""

from __future__ import annotations

import dataclasses
import math

import pytest

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model.encoding import encode

CSV_ANSWER = "text/csv; charset=utf-8"
NESTED = {"a": {"b": [1]}}
NAN, INF = math.nan, math.inf


@dataclasses.dataclass
class Scored:
    label: str
    score: float


ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def as_type(prediction: object, kind: str) -> bytes:
    """The body of an answer asked for in one type only."""
    body, content_type = encode(prediction, kind, "", None)
    assert content_type.partition(";")[0] == kind
    return body


def refusal(prediction: object, accept: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        encode(prediction, accept, "", None)
    assert caught.value.status == 406
    return caught.value
