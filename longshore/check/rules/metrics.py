"""/metrics, which SageMaker scrapes (A19)."""

from __future__ import annotations

import re

from longshore import limits
from longshore.check.busy import busy
from longshore.check.exchange import Exchange
from longshore.check.rule import Group, Outcome, Severity, failed, not_applicable, passed, rule
from longshore.check.session import Session

# A line of the Prometheus text format: a comment, or a name, labels, a number, perhaps a time; or
# OpenMetrics' EOF.
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*"'
_LINE = re.compile(
    rf"(?:#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{{(?:{_LABEL},?)*\}})? +"
    r"(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?Inf|NaN)(?: +-?\d+(?:\.\d+)?)?(?: *#.*)?)?"
)


def _scraped(session: Session) -> Exchange:
    return session.once("metrics", lambda: session.client.get("/metrics"))


@rule(
    "A19-there",
    Severity.NOTE,
    Group.LOGS,
    "GET /metrics is 200",
    "New endpoints scrape it by default (EnableDetailedObservability).",
)
def there(session: Session) -> Outcome:
    seen = _scraped(session)
    if seen.status == 200:
        return passed(f"{len(seen.text.splitlines())} lines, {seen.content_type}")
    return failed(
        str(seen), "Serve Prometheus metrics at /metrics, or set EnableDetailedObservability to false."
    )


@rule(
    "A19-format",
    Severity.WARNING,
    Group.LOGS,
    "/metrics is in Prometheus's text format",
    "One malformed line makes the whole scrape fail.",
)
def in_format(session: Session) -> Outcome:
    seen = _scraped(session)
    if seen.status != 200:
        return not_applicable("there is no /metrics")
    if not seen.content_type.startswith(("text/plain", "application/openmetrics-text")):
        return failed(
            f"its Content-Type is {seen.content_type or 'missing'}",
            "Send `text/plain; version=0.0.4`.",
        )
    for number, line in enumerate(seen.text.splitlines(), 1):
        if not _LINE.fullmatch(line):
            return failed(f"line {number}: {line[:120]}", "Write it with a Prometheus client library.")
    return passed(seen.content_type)


@rule(
    "A19-in-time",
    Severity.WARNING,
    Group.LOGS,
    "/metrics answers within 10 s while all workers are busy",
    "SageMaker scrapes as often as every 10 s, and a late scrape is lost.",
)
def in_time(session: Session) -> Outcome:
    if _scraped(session).status != 200:
        return not_applicable("there is no /metrics")
    seen = session.once("busy", lambda: busy(session)).metrics
    if seen.status == 200 and seen.seconds <= limits.SCRAPE_SECONDS_RANGE[0]:
        return passed(f"after {seen.seconds:.3f} s")
    return failed(str(seen), "Answer /metrics in a thread or process that never waits for the model.")
