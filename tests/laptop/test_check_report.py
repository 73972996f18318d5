"""What a report says of the machine, and how it writes down what was seen."""

from __future__ import annotations

import pytest

from longshore.check.exchange import Exchange, duration
from longshore.check.machine import described
from longshore.check.report import verdict
from longshore.check.rule import Outcome, Severity, failed, not_tried, passed
from longshore.check.rules import RULES
from longshore.check.runner import Result, in_doubt


@pytest.mark.parametrize(("load", "processors"), [(0.0, 1), (4.0, 1), (7.5, 2), (60.0, 64)])
def test_a_busy_machine_is_not_called_overloaded(load: float, processors: int) -> None:
    assert described(load, processors) == ""


@pytest.mark.parametrize(("load", "processors"), [(4.5, 1), (17.0, 2), (300.0, 64)])
def test_an_overloaded_machine_is_called_so(load: float, processors: int) -> None:
    assert described(load, processors) == (
        f"this machine is overloaded (load {load:.0f} on {processors} processors)"
    )


@pytest.mark.parametrize(
    ("rule", "evidence", "severity"),
    [
        ("A10-busy", "GET /ping → no answer within 2 s", Severity.WARNING),
        ("A6-odd-values", "no 200 within 45 s; the last GET /ping → 503", Severity.WARNING),
        ("A9-starts", "no 200 within 480 s; the last GET /ping → 503", Severity.ERROR),
        ("A8-empty-body", "GET /ping → no answer within 2 s", Severity.NOTE),
        ("A12-25-MB", "POST /invocations → 413", Severity.ERROR),
    ],
)
def test_on_an_overloaded_machine_a_missed_limit_of_time_is_no_error(
    rule: str, evidence: str, severity: Severity
) -> None:
    (found,) = [each for each in RULES if each.id == rule]
    result = Result(found, failed(evidence, "Fix it."), 0.0)
    doubted = in_doubt(result, "this machine is overloaded")
    assert doubted.severity is severity
    assert ("overloaded" in doubted.outcome.evidence) == (severity is not Severity.ERROR)
    assert in_doubt(result, "") == result


@pytest.mark.parametrize(
    ("body", "said"), [(b"\n", "1 byte of white space"), (b"", "after 0.00 s"), (b" x\n", ": x")]
)
def test_a_body_that_cannot_be_seen_is_described(body: bytes, said: str) -> None:
    assert str(Exchange("GET /ping", 200, body=body)).endswith(said)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(5.36986, "5.4 s"), (480, "480 s"), (2.0, "2 s"), (30.04, "30 s"), (0.25, "0.25 s"), (0.01, "0.01 s")],
)
def test_a_duration_has_at_most_one_decimal_place_from_a_second_on(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


_ERROR, _WARNING = failed("seen", "Fix it."), failed("seen", "Fix it.", Severity.WARNING)


@pytest.mark.parametrize(
    ("outcomes", "line"),
    [
        ([_ERROR, passed()], "1 error: SageMaker would fail on this container."),
        ([_ERROR, _ERROR, _WARNING], "2 errors: SageMaker would fail on this container."),
        ([passed(), _WARNING], "No error was found."),
        ([passed(), not_tried("why")], "No error was found. 1 rule was not tried."),
        ([passed(), *[not_tried("why")] * 3], "No error was found. 3 rules were not tried."),
        ([not_tried("why")], "Nothing could be tried."),
    ],
)
def test_the_last_line_counts_the_errors_or_the_rules_that_were_not_tried(
    outcomes: list[Outcome], line: str
) -> None:
    (some,) = [rule for rule in RULES if rule.id == "A8-get"]
    assert verdict([Result(some, outcome, 0.0) for outcome in outcomes])[0] == line
