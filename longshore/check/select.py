"""--only and --skip: a rule's id, its number in the contract, or a group."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from longshore.check.rule import Rule
from longshore.errors import UserError


def select(rules: Sequence[Rule], only: Sequence[str], skip: Sequence[str]) -> list[Rule]:
    """Return the selected rules, in their order. Raises UserError for an unknown name."""
    wanted = [rule for rule in rules if not only or any(_means(name, rule) for name in only)]
    for option, names in (("--only", only), ("--skip", skip)):
        for name in names:
            if not any(_means(name, rule) for rule in rules):
                known = {text for rule in rules for text in (rule.id, rule.number, rule.group.value)}
                near = difflib.get_close_matches(name, known, 3, 0.5)
                hint = f"Perhaps {' or '.join(near)}? " if near else ""
                raise UserError(
                    option, f"there is no rule or group '{name}'.", f"{hint}--list has all of them."
                )
    return [rule for rule in wanted if not any(_means(name, rule) for name in skip)]


def _means(name: str, rule: Rule) -> bool:
    return name.casefold() in (rule.id.casefold(), rule.number.casefold(), rule.group.value)
