"""What came of the rules: as a table for a terminal, as JSON, as JUnit's XML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from longshore.check.rule import Group, Rule, Severity, Status
from longshore.check.runner import Result

_MARKS = {
    Status.PASSED: ("passed", "green"),
    Status.FAILED: ("failed", "red"),
    Status.NOT_APPLICABLE: ("–", "dim"),
    Status.NOT_TRIED: ("not tried", "dim"),
}
_SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def exit_code(results: Sequence[Result]) -> int:
    """0: no error failed. 1: one did. 3: not a single rule could be tried."""
    statuses = {result.outcome.status for result in results}
    if failures(results, Severity.ERROR):
        return 1
    return 0 if statuses & {Status.PASSED, Status.FAILED} else 3


def failures(results: Sequence[Result], severity: Severity) -> list[Result]:
    return [r for r in results if r.outcome.status is Status.FAILED and r.rule.severity is severity]


def summary(results: Sequence[Result]) -> str:
    """One line."""
    counts = {status: sum(r.outcome.status is status for r in results) for status in Status}
    found = {severity: len(failures(results, severity)) for severity in Severity}
    parts = [
        f"{counts[Status.PASSED]} passed",
        *(f"{n} {severity}{'s' if n > 1 else ''} failed" for severity, n in found.items() if n),
        *(f"{counts[s]} {s}" for s in (Status.NOT_APPLICABLE, Status.NOT_TRIED) if counts[s]),
    ]
    return ", ".join(parts)


def show(console: Console, target: str, results: Sequence[Result], seconds: float) -> None:
    """The whole report: by group, the evidence and the remedy below what failed."""
    for group in Group:
        some = [result for result in results if result.rule.group is group]
        if some:
            console.print(f"\n[bold]{group}[/bold]")
            for result in some:
                _show_one(console, result)
    verdict = {
        0: "[green]Nothing that SageMaker would fail on.[/green]",
        1: "[red]SageMaker would fail.[/red]",
    }
    console.print(f"\n{escape(target)}: {summary(results)}, in {seconds:.1f} s.")
    console.print(verdict.get(exit_code(results), "[red]Nothing could be tried.[/red]"))


def _show_one(console: Console, result: Result) -> None:
    outcome, rule = result.outcome, result.rule
    word, style = _MARKS[outcome.status]
    if outcome.status is Status.FAILED:
        word, style = rule.severity.value, _SEVERITY_STYLES[rule.severity]
    line = Table.grid(padding=(0, 1))
    line.add_column(width=9)
    line.add_column(width=21)
    line.add_column()
    line.add_row(Text(word, style=style), Text(rule.id, style="dim" if style == "dim" else ""), rule.title)
    console.print(Padding(line, (0, 0, 0, 2), expand=False))
    if outcome.status is Status.FAILED:
        for text in (outcome.evidence, f"→ {outcome.remedy}"):
            console.print(Padding(Text(text), (0, 0, 0, 12), expand=False))
    elif outcome.status is Status.NOT_TRIED:
        console.print(Padding(Text(outcome.evidence, style="dim"), (0, 0, 0, 12), expand=False))


def show_rules(console: Console, rules: Sequence[Rule]) -> None:
    """What --list prints."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("rule", "severity", "group", "what"):
        table.add_column(title, no_wrap=title != "what")
    for rule in rules:
        table.add_row(rule.id, rule.severity, rule.group, rule.title)
    console.print(table)


def as_json(target: str, results: Sequence[Result], seconds: float) -> str:
    """An object: target, seconds, exit_code, counts by status, and rules, each with what came of it."""
    document: dict[str, Any] = {
        "target": target,
        "seconds": round(seconds, 3),
        "exit_code": exit_code(results),
        "counts": {status: sum(r.outcome.status is status for r in results) for status in Status},
        "rules": [
            {
                "id": result.rule.id,
                "severity": result.rule.severity,
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
    """A suite for each group. Failed errors are failures; all else that did not pass is skipped, and says
    why: JUnit has no warnings."""
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
                    told = f"{result.rule.severity}: {outcome.evidence} → {outcome.remedy}"
                ElementTree.SubElement(case, "skipped", message=_xml(told))
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold at all."""
    return "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )
