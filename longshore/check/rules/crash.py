"""A worker that dies while it has work: one is killed, and the callers and the container are watched (A10,
A11)."""

from __future__ import annotations

import os
import signal
import threading
import time

from longshore.check.client import Exchange
from longshore.check.processes import leaf
from longshore.check.rule import Group, NotTried, Outcome, Severity, failed, passed, rule
from longshore.check.served import NotReady
from longshore.check.session import Session

_CALLERS = 8
_POLL_SECONDS = 0.05


class _Crash:
    """answers: of all callers, from before the kill to after it. recovered: seconds from it to /ping and a
    request that are well, None where that did not come. code: where the container ended by itself."""

    def __init__(self, session: Session) -> None:
        payload = session.valid()
        self.answers: list[Exchange] = []
        self.recovered: float | None = None
        with session.ready(session.usual()) as server:
            victim = leaf(server.running)
            if victim is None:
                raise NotTried("it is a single process: if it dies the container has ended")
            stop = threading.Event()

            def call() -> None:
                while not stop.is_set():
                    self.answers.append(server.client.post(payload.body, payload.content_type))

            callers = [threading.Thread(target=call) for _ in range(_CALLERS)]
            for caller in callers:
                caller.start()
            pause = threading.Event()
            try:
                while len(self.answers) < _CALLERS and not session.closed:
                    pause.wait(0.001)
                os.kill(victim, signal.SIGKILL)
                killed = time.monotonic()
                pause.wait(_POLL_SECONDS)
            except (PermissionError, ProcessLookupError) as error:
                raise NotTried(f"a worker cannot be killed from here: {error}") from None
            finally:
                stop.set()
                for caller in callers:
                    caller.join()
            patience = 10 * (server.ready_seconds or 0.0) + session.options.settle
            while time.monotonic() - killed < patience and server.running.exit_code() is None:
                if server.ping().status == 200 and server.client.post(payload.body, payload.content_type).ok:
                    self.recovered = time.monotonic() - killed
                    break
                pause.wait(_POLL_SECONDS)
            self.code = server.running.exit_code()
            self.patience = patience


def _crashed(session: Session) -> _Crash:
    def crash() -> _Crash:
        session.base()
        try:
            return _Crash(session)
        except NotReady as why_not:
            raise NotTried(f"a second container does not start: {why_not}") from None

    return session.once("crash", crash)


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
    wrong = [each for each in crash.answers if each.failure.startswith("no answer within")]
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
