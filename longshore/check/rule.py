"""Rules, their outcomes, and the list of all rules, which the modules in rules/ fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longshore.check.session import Session


class Severity(StrEnum):
    """What the failure of a rule means.

    Attributes:
        ERROR: SageMaker or a caller fails on it. Must be true whatever the container does with odd data.
        WARNING: It works but causes trouble, or fails in one of SageMaker's modes only.
        NOTE: Good to know.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Group(StrEnum):
    """The sections of the report, in this order."""

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
    """The outcome of a rule.

    Attributes:
        evidence: What was sent and received, or why the rule does not apply or was not tried.
        remedy: What to change, if the rule failed.
        severity: Replaces the rule's severity for this outcome; None keeps it.
    """

    status: Status
    evidence: str = ""
    remedy: str = ""
    severity: Severity | None = None


class NotTried(Exception):
    """A rule lacks something: a payload, an image, a container that starts. The text says which."""


def passed(evidence: str = "") -> Outcome:
    return Outcome(Status.PASSED, evidence)


def failed(evidence: str, remedy: str, severity: Severity | None = None) -> Outcome:
    return Outcome(Status.FAILED, evidence, remedy, severity)


def not_applicable(why: str) -> Outcome:
    return Outcome(Status.NOT_APPLICABLE, why)


def not_tried(why: str) -> Outcome:
    return Outcome(Status.NOT_TRIED, why)


@dataclass(frozen=True)
class Rule:
    """One requirement of SageMaker.

    Attributes:
        id: The number in docs/contract.md and a short name.
        title: The requirement.
        why: What happens if a container does not meet it.
        needs: 'http' if an address is enough, 'image' if a container must be started or inspected.
        not_on_host: Why it does not apply to a checkout; empty if it does.
        alone: Whether the rule starts containers of its own, in parallel with other rules.
        control: Whether a failure is confirmed: the unchanged request must still be answered, and the rule
            must fail a second time. For rules that change one thing about the valid request.
    """

    id: str
    severity: Severity
    group: Group
    title: str
    why: str
    needs: str
    not_on_host: str
    alone: bool
    control: bool
    check: Callable[[Session], Outcome]

    @property
    def number(self) -> str:
        """The rule's number in docs/contract.md."""
        return self.id.partition("-")[0]


# Why a 5xx to what a caller sent is worth a rule, though SageMaker does not fail on it.
MODEL_ERROR = (
    "The caller gets a failure of the model without a reason, and it counts in the metrics (ModelError, 5xx)."
)

ALL: dict[str, Rule] = {}  # by id, in the order in which they run


def rule(
    id: str,
    severity: Severity,
    group: Group,
    title: str,
    why: str,
    *,
    needs: str = "http",
    not_on_host: str = "",
    alone: bool = False,
    control: bool = False,
) -> Callable[[Callable[[Session], Outcome]], Callable[[Session], Outcome]]:
    """Add a function to the rules."""

    def add(check: Callable[[Session], Outcome]) -> Callable[[Session], Outcome]:
        if id in ALL:
            raise ValueError(f"two rules are called {id}")
        ALL[id] = Rule(id, severity, group, title, why, needs, not_on_host, alone, control, check)
        return check

    return add
