"""docs/contract.md held against contract.py, and against every place that cites one of its rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore_runtime import contract
from tests.support.server import CHECKOUT

PAGE = (CHECKOUT / "docs" / "contract.md").read_text()
CITED_IN = (
    *(CHECKOUT / "container").rglob("*.py"),
    *(CHECKOUT / "tests").rglob("*.py"),
    *(CHECKOUT / "docs").glob("*.md"),
    *(CHECKOUT / name for name in ("nginx.conf", "Dockerfile", "build_and_push.sh")),
)

RULE = r"[A-G][1-9][0-9]?"
# A rule's number wherever it stands as a word of its own: alone, in a list, at either end of a range.
# Section H has no numbers.
CITATION = re.compile(rf"(?<![\w.\"'=+/-])({RULE}|(?<=contract )H)(?![\w=+/])")
PATH = re.compile(r"`([\w/.-]+\.(?:py|sh|conf)|Dockerfile)`")
# This program's own, not SageMaker's.
NOT_IN_THE_CONTRACT = {"PROGRAM_DIR", "VERSION", "DRAIN_SECONDS", "CLIENT_GONE"}


def table(*head: str) -> list[list[str]]:
    """The cells of all rows of all tables with this head."""
    rows, inside = [], False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells == list(head):
            inside = True
        elif not cells:
            inside = False
        elif inside and set(cells) != {"---"}:
            assert len(cells) == len(head), f"a | too many or too few: {line}"
            rows.append(cells)
    return rows


RULES = {number: cells for number, *cells in table("rule", "SageMaker", "source", "Longshore")}
LIMITS = table("limit", "value", "rule")
LIMIT_OF = {found[1]: row for row in LIMITS if (found := re.search(r"\(`([A-Z_]+)`\)", row[0]))}
CONSTANTS = {n: v for n, v in vars(contract).items() if n.isupper() and n not in NOT_IN_THE_CONTRACT}


def citations(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the number of each rule this file cites."""
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for found in CITATION.finditer(text):
            yield line, found[1]


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_of_contract_py_is_in_the_table_with_its_value(name: str) -> None:
    assert name in LIMIT_OF, f"contract.py has {name}: add its row to the limits of docs/contract.md"
    _, documented, _ = LIMIT_OF[name]
    value = CONSTANTS[name]
    if isinstance(value, int):
        assert re.split(r"\s", documented)[0] == str(value)
    else:
        assert documented == f"`{value}`"


def test_the_table_names_no_constant_that_is_not_there_and_none_twice() -> None:
    named = [name for row in LIMITS for name in re.findall(r"\(`([A-Z_]+)`\)", row[0])]
    assert sorted(named) == sorted(CONSTANTS)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda row: row[0])
def test_a_limit_says_what_its_rule_says(limit: list[str]) -> None:
    _, value, rules = limit
    numbers = rules.split(", ")
    assert set(numbers) <= RULES.keys()
    for number in numbers:
        demanded = RULES[number][0]
        for part in re.findall(r"`([^`]+)`", value) or re.findall(r"[0-9]+", value):
            assert re.search(rf"(?<![\w.]){re.escape(part)}(?!\w)", demanded), f"{part} in {number}"


def test_the_rules_are_numbered_without_a_gap() -> None:
    numbers = [row[0] for row in table("rule", "SageMaker", "source", "Longshore")]
    for letter in "ABCDEFG":
        found = [number for number in numbers if number[0] == letter]
        assert found == [f"{letter}{n}" for n in range(1, len(found) + 1)]
        assert found, f"section {letter} has no rule"
    assert all(re.fullmatch(RULE, number) for number in numbers)
    assert "\n## H. " in PAGE


@pytest.mark.parametrize("path", CITED_IN, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_rule_that_is_cited_exists(path: Path) -> None:
    unknown = [f"line {line}: {rule}" for line, rule in citations(path) if rule not in {*RULES, "H"}]
    assert not unknown, f"{path} cites what docs/contract.md does not have: {unknown}"


def test_citations_are_found() -> None:
    """Were the pattern to miss them, the test above could not fail."""
    found = {f"{path.name} {rule}" for path in CITED_IN for _, rule in citations(path)}
    assert {"contract.py A17", "contract.py D2", "nginx.conf A10", "settings.py H"} <= found
    assert {"Dockerfile A7", "build_and_push.sh F4", "contract.md B3"} <= found


@pytest.mark.parametrize("number", RULES)
def test_a_rule_has_a_source_and_says_where_it_is_kept_or_that_it_is_not(number: str) -> None:
    _, source, kept = RULES[number]
    links = re.findall(r"\[([^\]]+)\]", source)
    assert links or "botocore" in source, "neither a page nor botocore's model"
    assert all(f"\n[{link}]: https://" in PAGE for link in links)
    assert PATH.search(kept) or kept.startswith(("Not yet", "Nothing to do"))


def test_every_link_that_is_defined_is_used() -> None:
    for name in re.findall(r"(?m)^\[([^\]]+)\]: ", PAGE):
        assert PAGE.count(f"[{name}]") > 1, name


def test_every_file_that_is_named_exists() -> None:
    files = {path for *_, kept in RULES.values() for path in PATH.findall(kept)}
    files |= {path for _, _, kept in table("status", "cause", "file") for path in PATH.findall(kept)}
    assert len(files) > 20
    missing = [
        f
        for f in files
        if not any((CHECKOUT / top / f).is_file() for top in ("", "container/longshore_runtime"))
    ]
    assert not missing
