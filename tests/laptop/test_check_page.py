"""docs/check.md held against the rules, and the rules against docs/contract.md."""

from __future__ import annotations

import re

from longshore.check.page import rewritten
from longshore.check.rules import RULES
from tests.support.server import CHECKOUT

PAGE = (CHECKOUT / "docs" / "check.md").read_text(encoding="utf-8")
CONTRACT = (CHECKOUT / "docs" / "contract.md").read_text(encoding="utf-8")


def test_the_page_has_every_rule_as_the_code_has_it() -> None:
    assert rewritten(PAGE) == PAGE, "run: python -m longshore.check.page docs/check.md"


def test_every_rule_names_one_of_the_contract() -> None:
    numbers = set(re.findall(r"^\| ([A-G]\d+) \|", CONTRACT, re.MULTILINE))
    assert numbers
    assert {rule.number for rule in RULES} <= numbers


def test_every_rule_says_what_and_why() -> None:
    for rule in RULES:
        assert re.fullmatch(r"[A-F]\d+-[A-Za-z0-9-]+", rule.id)
        assert rule.title
        assert not rule.title.endswith(".")
        assert rule.why.endswith(".")
        assert "|" not in rule.title + rule.why


def test_the_page_names_every_option() -> None:
    from longshore.check.command import check

    options = {name for option in check.params for name in option.opts if name.startswith("--")}
    assert {name for name in options if name not in PAGE} == set()
