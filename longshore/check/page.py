"""The tables in docs/check.md, made from the rules: `python -m longshore.check.page docs/check.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from longshore.check.rule import Group
from longshore.check.rules import RULES

BEGIN = "<!-- the rules: written by python -m longshore.check.page -->"
END = "<!-- the end of the rules -->"


def tables() -> str:
    """Return a Markdown table for each group."""
    parts = []
    for group in Group:
        rows = [
            f"| {rule.id} | {rule.severity} | {rule.title} | {rule.why} |"
            for rule in RULES
            if rule.group is group
        ]
        parts.append(
            "\n".join([f"### {group}\n", "| rule | severity | what | why |", "|---|---|---|---|", *rows])
        )
    return "\n\n".join(parts)


def rewritten(page: str) -> str:
    """Return the page with new tables. Raises ValueError if it has no place for them."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the page lacks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")
