"""What a rule is, what can come of it, and the list of all of them, which the modules in rules/ fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longshore.check.session import Session


class Severity(StrEnum):
    """error: SageMaker, or a caller of it, would meet a failure. warning: it works, and hurts. note: worth
    knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Group(StrEnum):
    """What of SageMaker asks for it; the report's sections, in this order."""

    IMAGE = "image"
    START = "start"
    HEALTH = "health"
    REQUESTS = "requests"
    STOP = "stop"
    LOGS = "logs"
    BATCH = "batch"
    STREAMING = "streaming"
    MULTI_MODEL = "multi-model"
    TRAINING = "training"
    PROCESSING = "processing"


class Status(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Outcome:
    """What came of a rule.

    evidence: what was sent and seen, or why the rule does not apply or was not tried. remedy: what to change,
    where it failed.
    """

    status: Status
    evidence: str = ""
    remedy: str = ""


class NotTried(Exception):
    """What a rule needs is not there: no payload, no image, a container that does not start. Says which."""


def passed(evidence: str = "") -> Outcome:
    return Outcome(Status.PASSED, evidence)


def failed(evidence: str, remedy: str) -> Outcome:
    return Outcome(Status.FAILED, evidence, remedy)


def not_applicable(why: str) -> Outcome:
    return Outcome(Status.NOT_APPLICABLE, why)


def not_tried(why: str) -> Outcome:
    return Outcome(Status.NOT_TRIED, why)


@dataclass(frozen=True)
class Rule:
    """One thing a container owes SageMaker.

    id: the number in docs/contract.md, and what of it. title: what is kept where it passes. why: what happens
    to a container that does not keep it. needs: 'http' where an address is enough, 'image' where a container
    must be started or looked at. alone: whether it starts containers of its own, beside those of others.
    """

    id: str
    severity: Severity
    group: Group
    title: str
    why: str
    needs: str
    alone: bool
    check: Callable[[Session], Outcome]

    @property
    def number(self) -> str:
        """Its number in docs/contract.md."""
        return self.id.partition("-")[0]


ALL: dict[str, Rule] = {}  # by id, in the order in which they run


def rule(
    id: str,
    severity: Severity,
    group: Group,
    title: str,
    why: str,
    *,
    needs: str = "http",
    alone: bool = False,
) -> Callable[[Callable[[Session], Outcome]], Callable[[Session], Outcome]]:
    """Add a function to the rules."""

    def add(check: Callable[[Session], Outcome]) -> Callable[[Session], Outcome]:
        if id in ALL:
            raise ValueError(f"two rules are called {id}")
        ALL[id] = Rule(id, severity, group, title, why, needs, alone, check)
        return check

    return add
