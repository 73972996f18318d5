"""/ping: its answer, its latency under load, and whether a 200 is true (A8 to A10)."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from longshore import limits
from longshore.check import layout
from longshore.check.busy import busy
from longshore.check.client import Connection
from longshore.check.exchange import Exchange
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
from longshore.check.session import NO_MODEL, Session

_STEADY = 20  # pings in a row
_UNFINISHED = 64  # connections with half a request each


@rule(
    "A8-get",
    Severity.ERROR,
    Group.HEALTH,
    "GET /ping is 200",
    "SageMaker asks for it; any other answer is an unhealthy container.",
)
def get(session: Session) -> Outcome:
    seen = session.client.get("/ping", timeout=limits.PING_SECONDS)
    return passed(str(seen)) if seen.status == 200 else failed(str(seen), "Answer GET /ping with 200.")


@rule(
    "A8-post",
    Severity.WARNING,
    Group.HEALTH,
    "POST /ping is also 200",
    "SageMaker's guide says GET in one place and POST in another.",
)
def post(session: Session) -> Outcome:
    seen = session.client.send("POST", "/ping", {}, b"", timeout=limits.PING_SECONDS)
    return passed(str(seen)) if seen.status == 200 else failed(str(seen), "Answer POST /ping like GET /ping.")


@rule(
    "A8-empty-body",
    Severity.NOTE,
    Group.HEALTH,
    "A healthy /ping has an empty body",
    "The guide describes it as empty.",
)
def empty_body(session: Session) -> Outcome:
    seen = session.client.get("/ping", timeout=limits.PING_SECONDS)
    return failed(str(seen), "Send no body with /ping.") if seen.body else passed(str(seen))


@rule(
    "A9-steady",
    Severity.ERROR,
    Group.HEALTH,
    "/ping stays 200 once it is 200",
    "Otherwise the launch fails, or the container is replaced later.",
)
def steady(session: Session) -> Outcome:
    seen = _pings(session)
    if any(each.late for each in seen):
        session.unchanged()  # this machine may have been too busy: once more
        seen = _pings(session)
    wrong = [each for each in seen if each.status != 200]
    if wrong:
        return failed(
            f"{len(wrong)} of {_STEADY} in a row were not 200: {wrong[0]}",
            "Answer /ping in one place that knows the state of all workers.",
        )
    return passed(f"{_STEADY} in a row, the slowest after {max(each.seconds for each in seen):.3f} s")


def _pings(session: Session) -> list[Exchange]:
    return [session.client.get("/ping", timeout=limits.PING_SECONDS) for _ in range(_STEADY)]


@rule(
    "A10-busy",
    Severity.ERROR,
    Group.HEALTH,
    "/ping answers within 2 s while all workers are busy",
    "Otherwise SageMaker replaces a container that is only busy.",
)
def in_time_while_busy(session: Session) -> Outcome:
    work = session.once("busy", lambda: busy(session))
    wrong = [each for each in work.pings if each.status != 200]
    if wrong:
        # SageMaker tries again after a ping that failed.
        in_a_row = any(a.status != 200 and b.status != 200 for a, b in pairwise(work.pings))
        return failed(
            f"{len(wrong)} of {len(work.pings)} failed during requests on {work.connections} connections: "
            f"{wrong[0]}",
            "Answer /ping in a thread or process that never waits for the model.",
            None if in_a_row else Severity.WARNING,
        )
    return passed(
        f"{len(work.pings)} during {len(work.answers)} requests on {work.connections} connections, the "
        f"slowest after {max(each.seconds for each in work.pings):.3f} s"
    )


@rule(
    "A10-unfinished",
    Severity.WARNING,
    Group.HEALTH,
    "/ping answers within 2 s while 64 requests are still being sent",
    "Each slow client would occupy a worker.",
    control=True,
)
def beside_unfinished(session: Session) -> Outcome:
    until = time.monotonic() + session.options.patience
    while (seen := session.unchanged()) is not None and not seen.ok and time.monotonic() < until:
        pass  # it still works on what A10-busy has left behind
    with contextlib.ExitStack() as held:
        _hold_unfinished(session, held)
        seen = session.client.get("/ping", timeout=limits.PING_SECONDS)
    if seen.status != 200:
        return failed(str(seen), "Buffer bodies in a proxy such as nginx, or use a thread for each client.")
    return passed(str(seen))


def _hold_unfinished(session: Session, held: contextlib.ExitStack) -> None:
    """Open connections, each with the start of a request."""
    for _ in range(_UNFINISHED):
        try:
            connection: Connection = held.enter_context(session.client.connect(limits.PING_SECONDS))
            named = {"Content-Type": "text/csv", "Content-Length": "1000"}
            connection.send(connection.head("POST", "/invocations", named) + b"1,2")
        except OSError:
            return  # no more are accepted: /ping shows whether that matters


# -- a model that is missing or broken --


class _Unhealthy:
    """A container without its model: the /ping that ended the wait, or its exit code."""

    def __init__(self, session: Session, model: Path) -> None:
        self.answers_without = False
        with session.started(replace(session.usual(), model=model)) as server:
            usual = session.base().ready_seconds or 0.0
            seen = server.wait_for(lambda answer: answer.status == 200, 3 * usual + session.options.settle)
            self.code = server.running.exit_code()
            self.ping: Exchange | None = seen
            self.said = server.why_not_ready
            if seen is not None:
                payload = session.valid()
                self.answer = session.answer_of(server.client, payload)
                self.answers_without = self.answer.ok
            self.wrote = bool(server.log and server.log.lines)


def _missing(session: Session) -> _Unhealthy:
    def look() -> _Unhealthy:
        session.base()
        empty = session.new_folder("no-model")
        empty.mkdir()
        layout.readable(empty)
        return _Unhealthy(session, empty)

    return session.once("missing model", look)


def _broken(session: Session) -> _Unhealthy:
    def look() -> _Unhealthy:
        session.base()
        if layout.is_empty(session.model()):
            raise NotTried(NO_MODEL)
        return _Unhealthy(session, layout.broken(session.model(), session.new_folder("broken")))

    return session.once("broken model", look)


def _honest(unhealthy: _Unhealthy, remedy: str) -> Outcome:
    if unhealthy.ping is None:
        return passed(unhealthy.said)
    if unhealthy.answers_without:
        return not_applicable("it answers requests without a model, or with a broken one")
    return failed(f"{unhealthy.ping}, then {unhealthy.answer}", remedy)


_HONEST = "Load the model before /ping is 200, and exit with a code other than 0 if it cannot be loaded."


@rule(
    "A10-missing-model",
    Severity.WARNING,
    Group.HEALTH,
    "/ping is never 200 if the model is missing",
    "The endpoint would become InService and fail every request.",
    needs="image",
    alone=True,
)
def missing_model(session: Session) -> Outcome:
    return _honest(_missing(session), _HONEST)


@rule(
    "A10-broken-model",
    Severity.WARNING,
    Group.HEALTH,
    "/ping is never 200 if the model cannot be loaded",
    "The endpoint would become InService and fail every request.",
    needs="image",
    alone=True,
)
def broken_model(session: Session) -> Outcome:
    return _honest(_broken(session), _HONEST)


@rule(
    "A10-exit-code",
    Severity.WARNING,
    Group.HEALTH,
    "The exit code is not 0 if it ends because it cannot serve",
    "0 means success: no restart, no alarm.",
    needs="image",
    alone=True,
)
def exit_code(session: Session) -> Outcome:
    remedy = "Exit with a code other than 0."
    try:
        session.base()
    except NotTried:
        if session.ended_with == 0:
            return failed("it does not start, see A9-starts, and ends with exit code 0", remedy)
        raise
    codes = {}
    for name, look in (("missing", _missing), ("broken", _broken)):
        with contextlib.suppress(NotTried):
            codes[name] = look(session).code
    ended = {name: code for name, code in codes.items() if code is not None}
    if not ended:
        return not_applicable("it does not end if the model is missing or broken")
    told = ", ".join(f"model {name}: exit code {code}" for name, code in ended.items())
    return failed(told, remedy) if 0 in ended.values() else passed(told)


@rule(
    "A18-says-why",
    Severity.WARNING,
    Group.LOGS,
    "The log has the reason if the model cannot be loaded",
    "Otherwise a failed endpoint gives no clue.",
    needs="image",
    alone=True,
)
def says_why(session: Session) -> Outcome:
    session.base()
    for look in (_broken, _missing):
        with contextlib.suppress(NotTried):
            unhealthy = look(session)
            if unhealthy.ping is not None:
                continue
            if unhealthy.wrote:
                return passed()
            return failed("it wrote nothing", "Write the error to stderr.")
    return not_tried("it does not fail if the model is missing or broken")
