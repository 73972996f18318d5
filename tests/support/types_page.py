"""The table of docs/types.md. `python -m tests.support.types_page` (PYTHONPATH=container) writes it anew."""

from __future__ import annotations

from pathlib import Path

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.model import media
from longshore_runtime.runners.model.encoding import encode
from tests.support.types_table import ROWS, Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "types.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
HEAD = "| Returned | JSON | CSV | NPY | Parquet | Arrow | |\n|---|---|---|---|---|---|---|\n"


def page() -> str:
    """The page, with the table as the encoder makes it."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return before + BEGIN + HEAD + "".join(map(_line, ROWS)) + END + rest.partition(END)[2]


def _line(row: Row) -> str:
    texts = [_text(row, kind) for kind in (media.JSON, media.CSV)]
    rest = [
        "–" if body(row, kind) is None else "yes" for kind in (media.NPY, media.PARQUET, media.ARROW_FILE)
    ]
    return f"| {' | '.join([row.what, *texts, *rest, row.note])} |\n".replace("|  |", "| |")


def _text(row: Row, kind: str) -> str:
    found = body(row, kind)
    if found is None:
        return "–"
    return f"`{found.decode().rstrip().replace(chr(10), '⏎').replace(chr(0), '␀')}`"


def body(row: Row, kind: str) -> bytes | None:
    """What a row's prediction is in one format; None where it is refused."""
    try:
        return encode(row.make(), kind, "", None)[0]
    except (RequestError, TypeError):
        return None


if __name__ == "__main__":
    PAGE.write_text(page())
