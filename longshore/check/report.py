"""The report: a table for a terminal, JSON, or JUnit XML."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table
from rich.text import Text

from longshore.check.rule import Group, Rule, Severity, Status
from longshore.check.runner import Result
from longshore.check.session import NO_MODEL

_MARKS = {
    Status.PASSED: ("passed", "green"),
    Status.FAILED: ("failed", "red"),
    Status.NOT_APPLICABLE: ("n/a", "dim"),
    Status.NOT_TRIED: ("not tried", "dim"),
}
_SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def exit_code(results: Sequence[Result]) -> int:
    """Return 0 if no error failed, 1 if one did, 3 if nothing or no start could be tried."""
    statuses = {result.outcome.status for result in results}
    if failures(results, Severity.ERROR):
        return 1
    if any(result.rule.id == "A9-starts" and NO_MODEL in result.outcome.evidence for result in results):
        return 3  # it did not start without a model: nothing is known of it
    return 0 if statuses & {Status.PASSED, Status.FAILED} else 3


def failures(results: Sequence[Result], severity: Severity) -> list[Result]:
    return [r for r in results if r.outcome.status is Status.FAILED and r.severity is severity]


def summary(results: Sequence[Result]) -> str:
    """Return the counts in one line."""
    counts = {status: sum(r.outcome.status is status for r in results) for status in Status}
    found = {severity: len(failures(results, severity)) for severity in Severity}
    parts = [
        f"{counts[Status.PASSED]} passed",
        *(f"{n} {severity}{'s' if n > 1 else ''} failed" for severity, n in found.items() if n),
        *(f"{counts[s]} {s}" for s in (Status.NOT_APPLICABLE, Status.NOT_TRIED) if counts[s]),
    ]
    return ", ".join(parts)


def verdict(results: Sequence[Result]) -> tuple[str, str]:
    """Return the report's last line, and its style."""
    code = exit_code(results)
    if code == 1:
        errors = len(failures(results, Severity.ERROR))
        return f"{errors} error{'s' if errors > 1 else ''}: SageMaker would fail on this container.", "red"
    if code == 3:
        return "Nothing could be tried.", "red"
    untried = sum(result.outcome.status is Status.NOT_TRIED for result in results)
    rest = f" {untried} rule{'s were' if untried > 1 else ' was'} not tried." if untried else ""
    return f"No error was found.{rest}", "green"


def show(console: Console, target: str, results: Sequence[Result], seconds: float) -> None:
    """Print the report by group, with the evidence and the remedy of failed rules.

    The reason of a rule that was not tried is printed in full once, and not again for the next rule.
    """
    said: set[str] = set()
    for group in Group:
        reason = ""
        some = [result for result in results if result.rule.group is group]
        if some:
            console.print(f"\n[bold]{group}[/bold]")
        for result in some:
            _show_one(console, result)
            outcome = result.outcome
            if outcome.status in (Status.NOT_APPLICABLE, Status.NOT_TRIED) and outcome.evidence != reason:
                again = outcome.evidence in said
                text = outcome.evidence.partition(": ")[0] if again else outcome.evidence
                _show_text(console, text, _INDENT, "dim")
                said.add(outcome.evidence)
            reason = outcome.evidence
    console.print()
    for severity in Severity:
        if some := failures(results, severity):
            found = ", ".join(result.rule.id for result in some)
            _show_text(console, f"{severity}: {found}", 0, _SEVERITY_STYLES[severity])
    _show_text(console, f"{target}: {summary(results)}, in {seconds:.1f} s.", 0)
    text, style = verdict(results)
    _show_text(console, text, 0, style)


_MARK_WIDTH, _ID_WIDTH = 9, 21
_INDENT = 2 + _MARK_WIDTH + 1
_NARROW = 80  # columns below which a rule's title has a line of its own


def _show_one(console: Console, result: Result) -> None:
    outcome, rule = result.outcome, result.rule
    word, style = _MARKS[outcome.status]
    if outcome.status is Status.FAILED:
        word, style = result.severity.value, _SEVERITY_STYLES[result.severity]
    line = Text.assemble("  ", (f"{word:{_MARK_WIDTH}} ", style), (rule.id, "dim" if style == "dim" else ""))
    if console.width < _NARROW:
        _print(console, line)
        _show_text(console, rule.title, _INDENT)
    else:
        title = textwrap.wrap(rule.title, console.width - _INDENT - _ID_WIDTH - 1)
        line.append(" " * (_ID_WIDTH + 1 - len(rule.id)) + title[0])
        _print(console, line)
        for rest in title[1:]:
            _print(console, Text(" " * (_INDENT + _ID_WIDTH + 1) + rest))
    if outcome.status is Status.FAILED:
        _show_text(console, outcome.evidence, _INDENT)
        _show_text(console, f"→ {outcome.remedy}", _INDENT)


def _show_text(console: Console, text: str, indent: int, style: str = "") -> None:
    for line in textwrap.wrap(text, max(console.width - indent, 20)):
        _print(console, Text(" " * indent + line, style=style))


def _print(console: Console, line: Text) -> None:
    """Print a line that is already wrapped: rich would pad it with spaces."""
    console.print(line, soft_wrap=True)


def show_rules(console: Console, rules: Sequence[Rule]) -> None:
    """Print the table of --list."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("rule", "severity", "group", "what"):
        table.add_column(title, no_wrap=title != "what")
    for rule in rules:
        table.add_row(rule.id, rule.severity, rule.group, rule.title)
    console.print(table)


def as_json(target: str, results: Sequence[Result], seconds: float) -> str:
    """Return an object: target, seconds, exit_code, counts by status, and the rules with their outcomes."""
    document: dict[str, Any] = {
        "target": target,
        "seconds": round(seconds, 3),
        "exit_code": exit_code(results),
        "counts": {status: sum(r.outcome.status is status for r in results) for status in Status},
        "rules": [
            {
                "id": result.rule.id,
                "severity": result.severity,
                "group": result.rule.group,
                "title": result.rule.title,
                "status": result.outcome.status,
                "evidence": result.outcome.evidence,
                "remedy": result.outcome.remedy,
                "seconds": round(result.seconds, 3),
            }
            for result in results
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_junit(target: str, results: Sequence[Result], seconds: float) -> str:
    """Return a suite for each group. Errors are failures; other rules that did not pass are skipped, with a
    reason, because JUnit has no warnings."""
    suites = ElementTree.Element("testsuites", name="longshore check", time=f"{seconds:.3f}")
    for group in Group:
        some = [result for result in results if result.rule.group is group]
        if not some:
            continue
        broken = failures(some, Severity.ERROR)
        skipped = [r for r in some if r.outcome.status is not Status.PASSED and r not in broken]
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=group.value,
            tests=str(len(some)),
            failures=str(len(broken)),
            skipped=str(len(skipped)),
            errors="0",
        )
        for result in some:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"{_xml(target)}.{group}",
                name=f"{result.rule.id}: {result.rule.title}",
                time=f"{result.seconds:.3f}",
            )
            outcome = result.outcome
            if result in broken:
                failure = ElementTree.SubElement(case, "failure", message=_xml(outcome.evidence))
                failure.text = _xml(outcome.remedy)
            elif outcome.status is not Status.PASSED:
                told = outcome.evidence
                if outcome.status is Status.FAILED:
                    told = f"{result.severity}: {outcome.evidence} → {outcome.remedy}"
                ElementTree.SubElement(case, "skipped", message=_xml(told))
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    """Remove the characters that XML cannot hold."""
    return "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
