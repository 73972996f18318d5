"""The log and the model folder after all other requests (A17, A18)."""

from __future__ import annotations

import re
import threading
import time

from longshore import limits
from longshore.check import layout
from longshore.check.exchange import excerpt
from longshore.check.rule import Group, Outcome, Severity, failed, not_tried, passed, rule
from longshore.check.session import Session

_PINGS = 20
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@rule(
    "A18-writes",
    Severity.NOTE,
    Group.LOGS,
    "It writes to stdout or stderr",
    "CloudWatch Logs gets nothing else; log files are lost with the container.",
    needs="image",
)
def writes(session: Session) -> Outcome:
    lines = session.base().lines()
    until = time.monotonic() + session.options.settle
    pause = threading.Event()
    while not lines and time.monotonic() < until:
        pause.wait(0.02)  # its last lines may still be on their way
    if not lines:
        return failed("it wrote no line during all requests", "Log to stderr, one line for each request.")
    return passed(f"{len(lines)} lines, the last: {excerpt(lines[-1].text)}")


@rule(
    "A18-plain",
    Severity.NOTE,
    Group.LOGS,
    "The log is plain text",
    "Color codes are noise in CloudWatch.",
    needs="image",
)
def plain(session: Session) -> Outcome:
    for line in list(session.base().lines()):
        if found := _CONTROL.search(line.text):
            return failed(
                f"{found.group()!r} in: {excerpt(line.text)!r}", "Write color codes only to a terminal."
            )
    return passed()


@rule(
    "A18-quiet-ping",
    Severity.NOTE,
    Group.LOGS,
    "A successful /ping is not logged",
    "SageMaker sends one every few seconds, and CloudWatch Logs bills each line.",
    needs="image",
)
def quiet_ping(session: Session) -> Outcome:
    server = session.base()
    lines = server.lines()
    # A request that is refused marks the place in the log where the pings begin, if refusals are logged.
    before = len(lines)
    for _ in range(_PINGS):
        server.client.get("/ping", timeout=limits.PING_SECONDS)
    server.client.get("/longshore-check/after-the-pings")
    until = time.monotonic() + 0.2
    pause = threading.Event()
    while time.monotonic() < until and not any("after-the-pings" in line.text for line in lines[before:]):
        pause.wait(0.01)
    pings = [line.text for line in lines[before:] if "/ping" in line.text]
    if len(pings) >= _PINGS // 2:
        return failed(
            f"{_PINGS} pings, {len(pings)} lines: {excerpt(pings[-1])}",
            "Do not log successful /ping requests.",
        )
    return passed(f"{_PINGS} pings, {len(pings)} lines")


@rule(
    "A17-untouched",
    Severity.WARNING,
    Group.START,
    "It writes nothing to the model folder",
    "In SageMaker it is read-only.",
    needs="image",
)
def untouched(session: Session) -> Outcome:
    if not session.base().how.model_read_only:
        return not_tried("it has to write there, see A17-model-read-only")
    before = session.model_before()
    after = layout.listing(session.model())
    changed = sorted(name for name in before.keys() | after if before.get(name) != after.get(name))
    if changed:
        return failed(", ".join(changed[:5]), "Write to /tmp or TMPDIR.")
    return passed(f"{len(before)} files, unchanged")
