"""SIGTERM while requests are being processed: all rules look at one container that is stopped (A3, A10)."""

from __future__ import annotations

import signal
import threading
import time

from longshore.check.exchange import Exchange, duration
from longshore.check.in_flight import HalfSent, once_alone
from longshore.check.payloads import Payload
from longshore.check.processes import listens
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
from longshore.check.served import Server
from longshore.check.session import Session

_UNDER_WAY = 4
_POLL_SECONDS = 0.02


class _Stop:
    """Sends the first half of some requests, SIGTERM, /ping and a new request, then the other halves.

    Attributes:
        first: The answer to a request sent right after the first 200.
        control: The answer to a request sent after that one.
        finished: The answers to the requests that were sent in halves.
        turned: The first /ping after SIGTERM that was not 200.
        listened: Whether it took connections when that request was sent; None if that is not visible.
        new: The answer to a request sent after that.
        seconds: From SIGTERM to the exit.
        code: The exit code; None if it did not exit in time.
    """

    def __init__(self, session: Session, server: Server) -> None:
        payload = session.valid()
        patience = session.options.stop_seconds
        self.first_after = time.monotonic() - server.born - (server.ready_seconds or 0.0)
        self.first = server.client.post(payload.body, payload.content_type)
        self.control = session.answer_of(server.client, payload)
        with HalfSent(server.client, payload, _UNDER_WAY) as under_way:
            server.ping()  # once it is answered, the halves have arrived
            signalled = time.monotonic()
            server.running.signal(signal.SIGTERM)
            self._meanwhile(session, server, payload)
            self.finished = under_way.finish(patience)
        self.code = server.running.wait(max(0.0, patience - (time.monotonic() - signalled)))
        self.seconds = time.monotonic() - signalled
        self.said = "" if server.log is None else server.log.end()

    def _meanwhile(self, session: Session, server: Server, payload: Payload) -> None:
        self.turned: Exchange | None = None
        pause = threading.Event()
        until = time.monotonic() + session.options.settle
        while time.monotonic() < until and server.running.exit_code() is None:
            seen = server.ping()
            if seen.status != 200:
                self.turned = seen
                break
            pause.wait(_POLL_SECONDS)
        self.ended_at_once = server.running.exit_code() is not None
        self.listened = _listens(session, server)
        self.new = server.client.post(payload.body, payload.content_type, timeout=session.options.settle)


def _listens(session: Session, server: Server) -> bool | None:
    """Return whether an image's container takes connections; None if that is not visible.

    At the published port the engine's proxy takes connections that the container refuses, and closes them.
    """
    if session.on_host:
        return True
    try:
        return listens(server.running, server.how.port)
    except NotTried:
        return None


def _stopped(session: Session) -> _Stop:
    return once_alone(session, "stop", lambda server: _Stop(session, server))


@rule(
    "A10-ready",
    Severity.ERROR,
    Group.HEALTH,
    "A request sent right after the first 200 is answered",
    "SageMaker sends requests as soon as /ping is 200.",
    needs="image",
    alone=True,
)
def ready_means_ready(session: Session) -> Outcome:
    stop = _stopped(session)
    told = f"{stop.first_after * 1000:.0f} ms after it: {stop.first}"
    if stop.first.ok:
        return passed(told)
    if not stop.control.ok:
        return not_tried(f"a second container does not answer at all: {stop.control}")
    return failed(told, "Answer /ping with 200 only once requests would be answered.")


@rule(
    "A3-stops-in-time",
    Severity.WARNING,
    Group.STOP,
    "SIGTERM ends it within 30 s",
    "Then SageMaker kills it, and unfinished work is lost.",
    needs="image",
    alone=True,
)
def in_time(session: Session) -> Outcome:
    stop = _stopped(session)
    if stop.code is None:
        return failed(
            f"it still ran {stop.seconds:.1f} s after SIGTERM{stop.said}",
            "Handle SIGTERM (process 1 ignores it by default); in a shell script start the server with exec.",
        )
    return passed(f"exit code {stop.code} after {stop.seconds:.2f} s")


@rule(
    "A3-exit-code",
    Severity.WARNING,
    Group.STOP,
    "The exit code after SIGTERM is 0",
    "Any other exit code looks like a crash.",
    needs="image",
    alone=True,
)
def exit_code(session: Session) -> Outcome:
    stop = _stopped(session)
    if stop.code is None:
        return not_tried("it does not end, see A3-stops-in-time")
    told = f"exit code {stop.code} after {stop.seconds:.2f} s"
    return passed(told) if stop.code == 0 else failed(told, "Handle SIGTERM, and exit with 0.")


@rule(
    "A3-drains",
    Severity.WARNING,
    Group.STOP,
    "Requests in flight at SIGTERM are answered, or get 503 with Retry-After",
    "Otherwise every update of an endpoint and every scale-in loses requests.",
    needs="image",
    alone=True,
)
def drains(session: Session) -> Outcome:
    stop = _stopped(session)
    # With Retry-After the caller knows that the request has not started and can be sent again.
    refused = [each for each in stop.finished if each.status == 503 and "retry-after" in each.headers]
    lost = [each for each in stop.finished if not each.ok and each not in refused]
    if lost:
        return failed(
            f"{len(lost)} of {len(stop.finished)}: {lost[0]}; exit code {stop.code}, {stop.seconds:.2f} s",
            "After SIGTERM finish the requests in flight for up to 25 s, then exit.",
        )
    slowest = max(each.seconds for each in stop.finished)
    return passed(f"{len(stop.finished)}, {len(refused)} of them refused, the last after {slowest:.2f} s")


@rule(
    "A3-ping-turns",
    Severity.WARNING,
    Group.STOP,
    "After SIGTERM /ping is no longer 200",
    "Otherwise a container that is stopping keeps getting requests.",
    needs="image",
    alone=True,
)
def ping_turns(session: Session) -> Outcome:
    stop = _stopped(session)
    if stop.turned is not None:
        return passed(str(stop.turned))
    if stop.ended_at_once:
        return not_applicable("it ended at once")
    if stop.code is None:
        return not_tried("it does not stop, see A3-stops-in-time")
    return failed(
        f"200 for {duration(session.options.settle)} while it stopped",
        "Answer /ping with 503 after SIGTERM, and finish the requests in flight.",
    )


@rule(
    "A3-refuses-cleanly",
    Severity.WARNING,
    Group.STOP,
    "A request that arrives after SIGTERM is answered, or refused at once",
    "If it hangs or is cut off, its caller waits for a timeout.",
    needs="image",
    alone=True,
)
def refuses_cleanly(session: Session) -> Outcome:
    stop = _stopped(session)
    new = stop.new
    if stop.code is None:
        return not_tried("it does not stop, see A3-stops-in-time")
    if new.status is not None and (new.ok or new.status in (429, 503)):
        return passed(str(new))
    if "refused" in new.failure or (stop.ended_at_once and new.status is None):
        return passed(str(new))
    if new.status is None and not new.late and not stop.listened:
        if stop.listened is None:
            return not_tried(f"the engine's proxy hides whether the container refused it: {new}")
        return passed(f"it listened no longer: {new}")
    return failed(str(new), "Answer 503 until the exit, or close the listening socket at once.")
