"""Each threat of docs/emulator-security.md names the test that holds what the page says of it."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.server import CHECKOUT

PAGE = CHECKOUT / "docs" / "emulator-security.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| an attacker")
]


def names_of(path: str) -> set[str]:
    """The tests of a module: NAME, or CLASS::NAME."""
    found = set()
    for node in ast.parse((CHECKOUT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_threat_names_a_test_that_exists(row: list[str]) -> None:
    threat, prevention, _, tests = row
    assert threat and prevention
    cited = re.findall(r"`([^`]+)`", tests)
    assert cited
    for test in cited:
        path, _, name = test.partition("::")
        assert (CHECKOUT / path).is_file(), f"there is no {path}"
        assert name in names_of(path), f"{path} has no {name}"


def test_the_page_has_every_kind_of_attacker() -> None:
    headings = re.findall("^## (.*)", PAGE.read_text(), re.MULTILINE)
    assert headings[1:5] == [
        "Web pages",
        "Other users of the machine",
        "Containers",
        "Archives, keys and images",
    ]
    assert len(ROWS) > 25
