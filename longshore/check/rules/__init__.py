"""The rules, a module for each subject, in the order in which they run: cheap ones first, those that look
back last."""

from __future__ import annotations

from importlib import import_module

from longshore.check.rule import ALL, Rule

for _subject in (
    *("image", "start", "ways", "health", "requests", "headers", "bodies", "connections"),
    *("batch", "metrics", "streaming", "websockets", "sessions", "multi_model", "stop", "crash"),
    *("training", "training_failure", "training_stop", "processing", "answers", "logs"),
):
    import_module(f"{__name__}.{_subject}")

RULES: tuple[Rule, ...] = tuple(ALL.values())
