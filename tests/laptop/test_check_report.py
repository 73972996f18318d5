"""What a report says of the machine, and how it writes down what was seen."""

from __future__ import annotations

import pytest

from longshore.check.exchange import Exchange
from longshore.check.machine import described


@pytest.mark.parametrize(("load", "processors"), [(0.0, 1), (4.0, 1), (7.5, 2), (60.0, 64)])
def test_a_busy_machine_is_not_called_overloaded(load: float, processors: int) -> None:
    assert described(load, processors) == ""


@pytest.mark.parametrize(("load", "processors"), [(4.5, 1), (17.0, 2), (300.0, 64)])
def test_an_overloaded_machine_is_called_so(load: float, processors: int) -> None:
    assert described(load, processors) == (
        f"this machine is overloaded (load {load:.0f} on {processors} processors)"
    )


@pytest.mark.parametrize(
    ("body", "said"), [(b"\n", "1 byte of white space"), (b"", "after 0.00 s"), (b" x\n", ": x")]
)
def test_a_body_that_cannot_be_seen_is_described(body: bytes, said: str) -> None:
    assert str(Exchange("GET /ping", 200, body=body)).endswith(said)
