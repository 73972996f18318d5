"""The code blocks of a page of docs/, with the output that the page shows for each."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import NamedTuple

SEPARATOR = "\x1e"
# Printed before each block, so that its output can be told from the others'.
_SEPARATE = {"python": 'print("\\x1e", end="", flush=True)', "sh": "printf '\\036'"}
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class Block(NamedTuple):
    """output: what the page says it prints; '...' there stands for anything."""

    language: str
    code: str
    output: str


def section(page: Path, title: str) -> str:
    """The text below a heading, until the next of the same level."""
    _, _, rest = page.read_text().partition(f"\n## {title}\n")
    assert rest, f"{page.name} has no section {title!r}"
    return rest.partition("\n## ")[0]


def blocks(text: str) -> list[Block]:
    """Those that have a language; a block of language 'text' is the output of the one before."""
    found: list[Block] = []
    for language, code in _BLOCK.findall(text):
        if language == "text":
            found[-1] = found[-1]._replace(output=code)
        elif language:
            found.append(Block(language, code, ""))
    return found


def script(found: list[Block]) -> str:
    """One program of all blocks, which says where each begins."""
    (language,) = {block.language for block in found}
    return "\n".join(f"{_SEPARATE[language]}\n{block.code}" for block in found)


def check(found: list[Block], said: str) -> None:
    """AssertionError where what a script() said is not what the page says."""
    outputs = said.split(SEPARATOR)[1:]
    assert len(outputs) == len(found)
    for block, output in zip(found, outputs, strict=True):
        plain = re.sub(r"\x1b\[[0-9;]*m|\r", "", output)
        want, got = (_TIME.sub("TIME", text.strip()) for text in (block.output, plain))
        agrees = doctest.OutputChecker().check_output(f"{want}\n", f"{got}\n", doctest.ELLIPSIS)
        assert agrees, f"The page says\n{want}\nand it is\n{got}\nof\n{block.code}"
