"""The rules, a module for each subject. Their order here is the order in which they run."""

from __future__ import annotations

from longshore.check.rule import ALL, Rule
from longshore.check.rules import (
    image,
    start,
    health,
    requests,
    headers,
    bodies,
    connections,
    batch,
    metrics,
    streaming,
    multi_model,
    stop,
    crash,
    training,
    training_stop,
    processing,
    answers,
    logs,
)

RULES: tuple[Rule, ...] = tuple(ALL.values())
