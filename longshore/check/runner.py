"""Runs rules: those that share a container in sequence, those that start their own in parallel."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import groupby

from longshore.check.exchange import LATE
from longshore.check.machine import overload
from longshore.check.rule import NotTried, Outcome, Rule, Severity, Status, failed, not_applicable, not_tried
from longshore.check.served import NO_200, NotReady
from longshore.check.session import Session
from longshore.errors import UserError

_AT_ONCE = 3  # threads that start containers: most of a start is waiting
# A signal that the kernel gives to another thread does not end what the main thread waits in.
_LOOK_SECONDS = 0.5
_STARTS = "A9-starts"  # what does not start within its limit of minutes is never found to be without errors
_DIED = "Handle the error: no request may end the container."


@dataclass(frozen=True)
class Result:
    """The outcome of a rule and its duration, including what it was the first to prepare."""

    rule: Rule
    outcome: Outcome
    seconds: float

    @property
    def severity(self) -> Severity:
        return self.outcome.severity or self.rule.severity


def run(
    session: Session,
    rules: Sequence[Rule],
    told: Callable[[Result], None] = lambda result: None,
    begun: Callable[[Rule], None] = lambda rule: None,
) -> list[Result]:
    """All results, in the rules' order. told, begun: called from any thread as rules end and begin.

    Whatever ends this early ends the session, and all its containers with it.
    """
    results: dict[str, Result] = {}

    def one_after_the_other(some: Iterable[Rule]) -> None:
        for rule in some:
            if session.closed:
                return
            begun(rule)
            results[rule.id] = _result(session, rule)
            told(results[rule.id])

    shared = [rule for rule in rules if not rule.alone]
    # A module's rules look at the same containers: they would only wait for each other.
    by_module = sorted((rule for rule in rules if rule.alone), key=_module)
    families = [list(family) for _, family in groupby(by_module, key=_module)]
    with ThreadPoolExecutor(_AT_ONCE + 1) as pool:
        try:
            futures = [pool.submit(one_after_the_other, some) for some in (shared, *families)]
            left = set(futures)
            while left:
                ended, left = wait(left, _LOOK_SECONDS, FIRST_EXCEPTION)
                for future in ended:
                    future.result()
        except BaseException:
            session.close()
            pool.shutdown(cancel_futures=True)
            raise
    return [results[rule.id] for rule in rules]


def _module(rule: Rule) -> str:
    return rule.check.__module__


def _result(session: Session, rule: Rule) -> Result:
    start = time.monotonic()
    outcome = _once(session, rule)
    if rule.control and outcome.status is Status.FAILED and outcome.remedy != _DIED:
        outcome = _confirmed(session, rule, outcome)
    return in_doubt(Result(rule, outcome, time.monotonic() - start), overload())


def in_doubt(result: Result, overloaded: str) -> Result:
    """Return the result; a warning instead of an error if it is about time and this machine had none to give.

    Args:
        result: What a rule found.
        overloaded: That this machine is overloaded; empty if it is not.
    """
    outcome = result.outcome
    if not overloaded or outcome.status is not Status.FAILED or result.rule.id == _STARTS:
        return result
    if not any(limit in outcome.evidence for limit in (LATE, NO_200)):
        return result
    severity = Severity.WARNING if result.severity is Severity.ERROR else result.severity
    evidence = f"{outcome.evidence}; {overloaded}: check again when it is not"
    return replace(result, outcome=replace(outcome, evidence=evidence, severity=severity))


def _once(session: Session, rule: Rule) -> Outcome:
    try:
        if rule.needs == "image" and session.engine_or_none is None:
            raise NotTried("needs an image or a path")
        if rule.not_on_host and session.on_host:
            return not_applicable(rule.not_on_host)
        outcome = rule.check(session)
    except (NotTried, UserError) as why_not:
        outcome = not_tried(str(why_not))
    except NotReady as why_not:
        outcome = failed(str(why_not), "See its last lines.")
    except (OSError, http.client.HTTPException) as error:
        outcome = failed(f"the connection broke: {error!r}", "See the container's log.")
    if not rule.alone and outcome.status is Status.FAILED and (ended := session.ended()):
        return failed(f"{ended}; before that: {outcome.evidence}", _DIED, Severity.ERROR)
    return outcome


def _confirmed(session: Session, rule: Rule, first: Outcome) -> Outcome:
    """Return a failure that happens again while the unchanged request is answered; else not tried."""
    control = session.unchanged()
    if control is not None and not control.ok:
        return not_tried(f"the unchanged request is not answered either: {control}; before: {first.evidence}")
    second = _once(session, rule)
    if second.status is Status.FAILED:
        return second
    return not_tried(f"it failed once and not the second time, so the cause is unknown: {first.evidence}")
