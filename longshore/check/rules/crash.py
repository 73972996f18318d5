"""A worker that dies while it has work: one is killed, and the callers and the container are watched (A10,
A11, B1)."""

from __future__ import annotations

import os
import signal
import threading
import time

from longshore.check.exchange import Exchange, size_of
from longshore.check.in_flight import callers, once_alone
from longshore.check.processes import leaf
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

_CALLERS = 8
_POLL_SECONDS = 0.05


class _Crash:
    """answers: of all callers, from before the kill to after it. after: to the requests that were sent until
    one was answered. recovered: seconds from the kill to /ping and a request that are well, None where that
    did not come. code: where the container ended by itself."""

    def __init__(self, session: Session, server: Server) -> None:
        payload = session.valid()
        self.after: list[Exchange] = []
        self.recovered: float | None = None
        victim = leaf(server.running)
        if victim is None:
            raise NotTried("it is a single process: if it dies the container has ended")
        pause = threading.Event()
        with callers(session, server.client, payload, _CALLERS) as self.answers:
            try:
                os.kill(victim, signal.SIGKILL)
            except (PermissionError, ProcessLookupError) as error:
                raise NotTried(f"a worker cannot be killed from here: {error}") from None
            killed = time.monotonic()
            pause.wait(_POLL_SECONDS)
        # All callers have asked since: whoever waited in vain for the dead worker was one of them.
        self.patience = 10 * (server.ready_seconds or 0.0) + session.options.settle
        # From now on: a caller may have waited long for its last answer.
        until = time.monotonic() + self.patience
        while time.monotonic() < until and server.running.exit_code() is None:
            if server.ping().status == 200:
                self.after.append(server.client.post(payload.body, payload.content_type))
                if self.after[-1].ok:
                    self.recovered = time.monotonic() - killed
                    break
            pause.wait(_POLL_SECONDS)
        self.code = server.running.exit_code()


def _crashed(session: Session) -> _Crash:
    return once_alone(session, "crash", lambda server: _Crash(session, server))


@rule(
    "A11-crash-answers",
    Severity.ERROR,
    Group.REQUESTS,
    "When a worker is killed nobody waits in vain",
    "A caller whose request died with its worker must hear of it, not wait for 60 s.",
    needs="image",
    alone=True,
)
def crash_answers(session: Session) -> Outcome:
    crash = _crashed(session)
    wrong = [each for each in (*crash.answers, *crash.after) if each.late]
    if wrong:
        return failed(str(wrong[0]), "Close a dead worker's connections, or answer 502 in its place.")
    bad = [each for each in crash.answers if not each.ok]
    return passed(f"{len(crash.answers)} requests, {len(bad)} not answered{f', as {bad[0]}' if bad else ''}")


@rule(
    "A10-crash-recovers",
    Severity.ERROR,
    Group.HEALTH,
    "When a worker is killed another takes its place, or the container ends",
    "A container that neither serves nor ends is never replaced while its /ping says 200.",
    needs="image",
    alone=True,
)
def crash_recovers(session: Session) -> Outcome:
    crash = _crashed(session)
    if crash.recovered is not None:
        return passed(f"after {crash.recovered:.2f} s")
    if crash.code:
        return passed(f"the container ended with exit code {crash.code}")
    if crash.code == 0:
        return failed("the container ended with exit code 0", "End with the code of what failed.")
    return failed(
        f"not within {crash.patience:.0f} s", "Watch the workers: start another, or end with a code not 0."
    )


@rule(
    "B1-cut",
    Severity.ERROR,
    Group.STREAMING,
    "A streamed answer whose worker is killed breaks off, without the end of a whole one",
    "A neat end makes half an answer look like all of it.",
    needs="image",
    alone=True,
)
def cut(session: Session) -> Outcome:
    whole = session.reference()
    if not whole.chunked:
        return not_applicable("its answers have a length")
    payload = session.valid()
    if session.client.post(payload.body, payload.content_type).body != whole.body:
        return not_tried("the same payload gets another answer each time, so that half of one is not known")
    crash = _crashed(session)
    answers = [*crash.answers, *crash.after]
    neat = [each for each in answers if each.ok and each.body != whole.body]
    if neat:
        return failed(
            f"{neat[0]}, with the last chunk of a whole answer, which has {size_of(len(whole.body))}",
            "Close the connection where a stream fails; let a proxy in front speak HTTP/1.1 to what streams "
            "(nginx: proxy_http_version 1.1).",
        )
    broken = [each for each in answers if each.chunked and not each.ok]
    if not broken:
        return not_tried("no answer was being streamed by the process that was killed")
    return passed(f"{len(broken)} of {len(answers)}: {broken[0]}")
