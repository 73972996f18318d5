"""SIGTERM while requests are under way: one container of its own is stopped, and all rules look at that (A3,
A10)."""

from __future__ import annotations

import signal
import threading
import time

from longshore.check.exchange import Exchange
from longshore.check.in_flight import HalfSent, once_alone
from longshore.check.payloads import Payload
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
from longshore.check.served import Server
from longshore.check.session import Session

_UNDER_WAY = 4
_POLL_SECONDS = 0.02


class _Stop:
    """What happened: requests of which half is sent, SIGTERM, /ping and a new request meanwhile, the other
    half.

    first: the answer to a request sent right after the first 200. finished: the answers to those under way.
    turned: the first /ping that was no 200. new: the answer to a request sent after that. seconds: from
    SIGTERM to the exit. code: None where it did not end in time.
    """

    def __init__(self, session: Session, server: Server) -> None:
        payload = session.valid()
        patience = session.options.stop_seconds
        self.first_after = time.monotonic() - server.born - (server.ready_seconds or 0.0)
        self.first = server.client.post(payload.body, payload.content_type)
        session.answer_of(server.client, payload)
        with HalfSent(server.client, payload, _UNDER_WAY) as under_way:
            server.ping()  # whoever answers it has seen what came before
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
        self.new = server.client.post(payload.body, payload.content_type, timeout=session.options.settle)


def _stopped(session: Session) -> _Stop:
    return once_alone(session, "stop", lambda server: _Stop(session, server))


@rule(
    "A10-ready",
    Severity.ERROR,
    Group.HEALTH,
    "A request sent right after the first 200 is answered",
    "Traffic follows the first 200 at once.",
    needs="image",
    alone=True,
)
def ready_means_ready(session: Session) -> Outcome:
    stop = _stopped(session)
    told = f"{stop.first_after * 1000:.0f} ms after it: {stop.first}"
    return passed(told) if stop.first.ok else failed(told, "Say 200 only when a request would be answered.")


@rule(
    "A3-stops-in-time",
    Severity.ERROR,
    Group.STOP,
    "SIGTERM ends it within 30 s",
    "Then it is killed, and whatever it still had to do is lost.",
    needs="image",
    alone=True,
)
def in_time(session: Session) -> Outcome:
    stop = _stopped(session)
    if stop.code is None:
        return failed(
            f"it still ran {stop.seconds:.1f} s after SIGTERM{stop.said}",
            "Handle SIGTERM, or pass it on to the process that serves; in a shell script use exec.",
        )
    return passed(f"exit code {stop.code} after {stop.seconds:.2f} s")


@rule(
    "A3-exit-code",
    Severity.WARNING,
    Group.STOP,
    "Stopped by SIGTERM, its exit code is 0",
    "Another one looks like a crash wherever exit codes are counted.",
    needs="image",
    alone=True,
)
def exit_code(session: Session) -> Outcome:
    stop = _stopped(session)
    if stop.code is None:
        return not_tried("it does not end, see A3-stops-in-time")
    told = f"exit code {stop.code} after {stop.seconds:.2f} s"
    return (
        passed(told) if stop.code == 0 else failed(told, "Handle SIGTERM, and exit with 0 when all is done.")
    )


@rule(
    "A3-drains",
    Severity.WARNING,
    Group.STOP,
    "What is under way at SIGTERM is answered, or refused with 503 and Retry-After",
    "Every update of an endpoint and every scaling in would lose requests.",
    needs="image",
    alone=True,
)
def drains(session: Session) -> Outcome:
    stop = _stopped(session)
    # What says when to send it again has lost nothing: it has not begun, and leaves no caller in doubt.
    refused = [each for each in stop.finished if each.status == 503 and "retry-after" in each.headers]
    lost = [each for each in stop.finished if not each.ok and each not in refused]
    if lost:
        return failed(
            f"{len(lost)} of {len(stop.finished)}: {lost[0]}; exit code {stop.code}, {stop.seconds:.2f} s",
            "On SIGTERM finish what has been begun, for up to 25 s, then exit.",
        )
    slowest = max(each.seconds for each in stop.finished)
    return passed(f"{len(stop.finished)}, {len(refused)} of them refused, the last after {slowest:.2f} s")


@rule(
    "A3-ping-turns",
    Severity.WARNING,
    Group.STOP,
    "After SIGTERM /ping is no longer 200",
    "Traffic goes on to a container that says it is well.",
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
        f"200 for {session.options.settle:g} s while it stopped",
        "Answer 503 from SIGTERM on, and go on draining.",
    )


@rule(
    "A3-refuses-cleanly",
    Severity.WARNING,
    Group.STOP,
    "A request that comes after SIGTERM is answered, or refused at once",
    "One that hangs, or is cut off, costs its caller a time-out.",
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
    return failed(str(new), "Answer 503 until the end, or close the listening socket at once.")
