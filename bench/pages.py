"""What every page of the bench needs: figures as text, tables, and the folder it goes into."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.results import Spread
from bench.servers import HERE


@dataclass(frozen=True)
class Verdict:
    """One promise: what was expected, what came out, and whether it is met."""

    what: str
    expected: str
    measured: str
    met: bool


def expected(verdicts: Iterable[Verdict]) -> str:
    """The first section of a page."""
    rows = [[each.what, each.expected, each.measured, "yes" if each.met else "**no**"] for each in verdicts]
    found = table(["What", "Expected", "Measured", "Met"], rows)
    return f"## What was expected, and what came out\n\n{found}"


def tell(verdicts: Iterable[Verdict]) -> None:
    """Print them."""
    for verdict in verdicts:
        said = "met    " if verdict.met else "NOT MET"
        print(f"{said}  {verdict.what}: {verdict.measured}, expected {verdict.expected}")


def spread(figure: Spread, form: str) -> str:
    """A figure in this format: the median, and in brackets the least and the greatest where they differ."""
    median, least, most = (format(value, form) for value in (figure.median, figure.least, figure.most))
    return median if least == most else f"{median} ({least}–{most})"


def seconds(figure: Spread) -> str:
    return spread(figure, ".2f")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table in Markdown. right: the columns that are aligned to the right."""
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def options(parser: argparse.ArgumentParser, quick: str) -> None:
    """Add --quick, with this as its help, and --out, which folder() reads."""
    parser.add_argument("--quick", action="store_true", help=quick)
    where = "where the page goes: bench/, or a new temporary folder with --quick"
    parser.add_argument("--out", type=Path, metavar="DIR", help=where)


def folder(given: argparse.Namespace) -> Path:
    if given.out:
        chosen: Path = given.out
        return chosen
    # A quick look must not replace the figures that are kept.
    return Path(tempfile.mkdtemp(prefix="longshore-bench-page-")) if given.quick else HERE
