"""/ping: how it answers, in time while there is work, and whether what it says is true (A8 to A10)."""

from __future__ import annotations

import contextlib
from dataclasses import replace
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
from longshore.check.session import Session

_STEADY = 20  # pings in a row
_UNFINISHED = 64  # connections with half a request each


@rule(
    "A8-get",
    Severity.ERROR,
    Group.HEALTH,
    "GET /ping is 200",
    "It is what SageMaker asks for; anything else is an unhealthy container.",
)
def get(session: Session) -> Outcome:
    seen = session.client.get("/ping", timeout=limits.PING_SECONDS)
    return passed(str(seen)) if seen.status == 200 else failed(str(seen), "Answer GET /ping with 200.")


@rule(
    "A8-post",
    Severity.WARNING,
    Group.HEALTH,
    "POST /ping is 200, too",
    "SageMaker's guide says POST in one place and GET in another.",
)
def post(session: Session) -> Outcome:
    seen = session.client.send("POST", "/ping", {}, b"", timeout=limits.PING_SECONDS)
    return passed(str(seen)) if seen.status == 200 else failed(str(seen), "Answer POST like GET.")


@rule(
    "A8-empty-body",
    Severity.NOTE,
    Group.HEALTH,
    "A healthy /ping has an empty body",
    "That is how the guide describes it.",
)
def empty_body(session: Session) -> Outcome:
    seen = session.client.get("/ping", timeout=limits.PING_SECONDS)
    return failed(str(seen), "Send nothing after the head.") if seen.body else passed(str(seen))


@rule(
    "A9-steady",
    Severity.ERROR,
    Group.HEALTH,
    "Once it is 200, /ping stays 200",
    "Without steady 200s the launch fails, and later the container is replaced.",
)
def steady(session: Session) -> Outcome:
    seen = [session.client.get("/ping", timeout=limits.PING_SECONDS) for _ in range(_STEADY)]
    wrong = [each for each in seen if each.status != 200]
    if wrong:
        return failed(
            f"{len(wrong)} of {_STEADY} in a row were not 200: {wrong[0]}",
            "Answer only when all workers are ready, from one place that knows them.",
        )
    return passed(f"{_STEADY} in a row, the slowest after {max(each.seconds for each in seen):.3f} s")


@rule(
    "A10-busy",
    Severity.ERROR,
    Group.HEALTH,
    "/ping answers within 2 s while every worker computes",
    "Otherwise a container is replaced because it has work to do.",
)
def in_time_while_busy(session: Session) -> Outcome:
    work = session.once("busy", lambda: busy(session))
    wrong = [each for each in work.pings if each.status != 200]
    if wrong:
        return failed(
            f"{len(wrong)} of {len(work.pings)} beside {work.connections} connections that each sent request "
            f"after request: {wrong[0]}",
            "Let /ping be answered by something that never waits for the model.",
        )
    return passed(
        f"{len(work.pings)} beside {len(work.answers)} requests on {work.connections} connections, the "
        f"slowest after {max(each.seconds for each in work.pings):.3f} s"
    )


@rule(
    "A10-unfinished",
    Severity.ERROR,
    Group.HEALTH,
    "/ping answers within 2 s beside 64 requests that are still being sent",
    "Each slow client would occupy a worker, and a few of them the whole container.",
)
def beside_unfinished(session: Session) -> Outcome:
    with contextlib.ExitStack() as held:
        _hold_unfinished(session, held)
        seen = session.client.get("/ping", timeout=limits.PING_SECONDS)
    if seen.status != 200:
        return failed(
            str(seen), "Read bodies in a proxy (nginx does), or in as many threads as there are clients."
        )
    return passed(str(seen))


def _hold_unfinished(session: Session, held: contextlib.ExitStack) -> None:
    """Open connections, each with the beginning of a request on it."""
    for _ in range(_UNFINISHED):
        try:
            connection: Connection = held.enter_context(session.client.connect(limits.PING_SECONDS))
            named = {"Content-Type": "text/csv", "Content-Length": "1000"}
            connection.send(connection.head("POST", "/invocations", named) + b"1,2")
        except OSError:
            return  # no more are taken: then /ping shows what that means


# -- a model that is not there, or not whole --


class _Unhealthy:
    """What a container does that cannot have its model: the /ping that ended the wait, or its exit."""

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
                self.answer = server.client.post(payload.body, payload.content_type)
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
            raise NotTried("there is no model to break: give one with --model")
        return _Unhealthy(session, layout.broken(session.model(), session.new_folder("broken")))

    return session.once("broken model", look)


def _honest(unhealthy: _Unhealthy, remedy: str) -> Outcome:
    if unhealthy.ping is None:
        return passed(unhealthy.said)
    if unhealthy.answers_without:
        return not_applicable("it answers requests without it")
    return failed(f"{unhealthy.ping}, but then {unhealthy.answer}", remedy)


_HONEST = (
    "Load the model before /ping says 200; end with an exit code that is not 0 where it cannot be loaded."
)


@rule(
    "A10-missing-model",
    Severity.ERROR,
    Group.HEALTH,
    "/ping is never 200 where the model is missing",
    "The endpoint would become InService and fail every request.",
    needs="image",
    alone=True,
)
def missing_model(session: Session) -> Outcome:
    return _honest(_missing(session), _HONEST)


@rule(
    "A10-broken-model",
    Severity.ERROR,
    Group.HEALTH,
    "/ping is never 200 where the model cannot be loaded",
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
    "Where it cannot serve and ends, its exit code is not 0",
    "0 says that all went well: no restart, no alarm, nothing to find.",
    needs="image",
    alone=True,
)
def exit_code(session: Session) -> Outcome:
    session.base()
    codes = {}
    for name, look in (("missing", _missing), ("broken", _broken)):
        with contextlib.suppress(NotTried):
            codes[name] = look(session).code
    ended = {name: code for name, code in codes.items() if code is not None}
    if not ended:
        return not_applicable("it does not end where the model is missing or broken")
    told = ", ".join(f"model {name}: exit code {code}" for name, code in ended.items())
    return failed(told, "End with the code of what failed.") if 0 in ended.values() else passed(told)


@rule(
    "A18-says-why",
    Severity.WARNING,
    Group.LOGS,
    "Where the model cannot be loaded, the log says something",
    "An endpoint that fails without a word cannot be mended.",
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
            return failed("it wrote nothing", "Write the error to stderr before it ends.")
    return not_tried("it did not fail, with the model missing or broken")
