"""A worker is killed during requests: what its callers and the container do (A10, A11, B1)."""

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
    """Kills a worker while callers send requests.

    Attributes:
        answers: To all callers, from before the kill to after it.
        after: To later requests, until one was answered.
        recovered: Seconds from the kill until /ping and a request are fine; None if they never are.
        code: The exit code, if the container ended by itself.
    """

    def __init__(self, session: Session, server: Server) -> None:
        payload = session.valid()
        self.after: list[Exchange] = []
        self.recovered: float | None = None
        victim = leaf(server.running)
        if victim is None:
            raise NotTried("it is a single process: if that dies, the container ends")
        pause = threading.Event()
        with callers(session, server.client, payload, _CALLERS) as self.answers:
            if slow := [each for each in self.answers if each.late]:
                raise NotTried(f"{_CALLERS} callers at a time wait too long even without a crash: {slow[0]}")
            if not any(each.ok for each in self.answers):
                raise NotTried(f"a second container answers none of {_CALLERS} callers: {self.answers[0]}")
            try:
                os.kill(victim, signal.SIGKILL)
            except (PermissionError, ProcessLookupError) as error:
                raise NotTried(f"a worker cannot be killed from here: {error}") from None
            killed = time.monotonic()
            pause.wait(_POLL_SECONDS)
        # All callers have asked since: any that waited for the dead worker is one of them.
        self.patience = 10 * (server.ready_seconds or 0.0) + session.options.settle
        # Starts now: a caller may have waited long for its last answer.
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
    "If a worker is killed, its callers get an error instead of no answer",
    "Otherwise a caller whose request was lost with its worker waits for 60 s.",
    needs="image",
    alone=True,
)
def crash_answers(session: Session) -> Outcome:
    crash = _crashed(session)
    wrong = [each for each in (*crash.answers, *crash.after) if each.late]
    if wrong:
        return failed(str(wrong[0]), "Close the connections of a dead worker, or answer 502 for it.")
    bad = [each for each in crash.answers if not each.ok]
    return passed(f"{len(crash.answers)} requests, {len(bad)} not answered{f', as {bad[0]}' if bad else ''}")


@rule(
    "A10-crash-recovers",
    Severity.ERROR,
    Group.HEALTH,
    "If a worker is killed, another replaces it, or the container ends",
    "SageMaker does not replace a container that no longer serves while its /ping is 200.",
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
        return failed("it ended with exit code 0", "Exit with a code other than 0.", Severity.WARNING)
    return failed(
        f"not within {crash.patience:.0f} s",
        "Supervise the workers: start a new one, or exit with a code other than 0.",
    )


def _is_half(answer: Exchange, whole: Exchange) -> bool:
    return len(answer.body) < len(whole.body) and whole.body.startswith(answer.body)


@rule(
    "B1-cut",
    Severity.ERROR,
    Group.STREAMING,
    "A streamed answer breaks off if its worker is killed",
    "With a regular last chunk, half an answer looks complete.",
    needs="image",
    alone=True,
)
def cut(session: Session) -> Outcome:
    whole = session.reference()
    if not whole.chunked:
        return not_applicable("its answers are not streamed")
    payload = session.valid()
    if session.client.post(payload.body, payload.content_type).body != whole.body:
        return not_tried(
            "the same payload gets a different answer each time, so half of one is not recognized"
        )
    crash = _crashed(session)
    answers = [*crash.answers, *crash.after]
    neat = [each for each in answers if each.ok and _is_half(each, whole)]
    if neat:
        return failed(
            f"{neat[0]}, with a regular last chunk; the whole answer has {size_of(len(whole.body))}",
            "Close the connection without the last chunk if a stream fails. A proxy in front must speak "
            "HTTP/1.1 to the server (nginx: proxy_http_version 1.1).",
        )
    broken = [each for each in answers if each.chunked and not each.ok]
    if not broken:
        return not_tried("no answer was being streamed by the process that was killed")
    return passed(f"{len(broken)} of {len(answers)}: {broken[0]}")
