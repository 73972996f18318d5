"""Large bodies that a model takes: the valid payload, padded where its type ignores blanks.

Not repeated rows alone: a million of them would keep a model busy for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from longshore.check.payloads import CSV, JSON, Payload

_FIELD_BYTES = 64 * 1024  # per CSV field: Python's csv module refuses fields of 128 KB


@dataclass(frozen=True)
class Padding:
    """A way to pad a payload.

    Attributes:
        what: Describes the padding, for the report.
        padded: Returns the body with up to so many bytes of padding, and never without any.
    """

    what: str
    padded: Callable[[int], bytes]

    def small(self) -> bytes:
        """Return the control: the same body with as little padding as possible."""
        return self.padded(0)

    def large(self, size: int) -> bytes:
        """Return a body of nearly `size` bytes, and not more."""
        return self.padded(size - len(self.small()))


def paddings(payload: Payload, size: int) -> Iterator[Padding]:
    """Yield the ways to enlarge a payload to `size` bytes, the most harmless first."""
    kind = payload.content_type.partition(";")[0].strip().lower()
    body = payload.body
    if kind == CSV:
        for rows in (_repeated(body, size), body):
            if (spread := _fields(rows)) is not None:
                yield Padding(f"CSV, {len(rows.splitlines())} rows, blanks before the numbers", spread)
        yield Padding(
            "CSV, blank lines at the end", lambda count: body.rstrip() + b"\n" + _blank_lines(count)
        )
    elif kind == JSON or kind.endswith("+json"):
        yield Padding("JSON, blanks at the end", lambda count: body + b" " * max(1, count))
        yield _within(body, "JSON")
    elif kind in ("application/jsonlines", "application/x-ndjson"):
        yield _within(body, "JSON lines")
    elif kind.startswith("text/"):
        yield Padding("blanks at the end", lambda count: body + b" " * max(1, count))
    else:
        yield Padding("NUL bytes at the end", lambda count: body + b"\0" * max(1, count))


def _blank_lines(count: int) -> bytes:
    line = b" " * (min(max(1, count), _FIELD_BYTES) - 1) + b"\n"
    return line * max(1, count // len(line))


def _within(body: bytes, what: str) -> Padding:
    """Pad JSON after its first bracket."""
    place = next((n + 1 for n, byte in enumerate(body) if byte in b"[{"), 0)
    return Padding(
        f"{what}, blanks after the first bracket",
        lambda count: body[:place] + b" " * max(1, count) + body[place:],
    )


def _repeated(body: bytes, size: int) -> bytes:
    """Return the rows as often as it takes to keep each padded field short."""
    lines = [line for line in body.splitlines() if line.strip()]
    head = lines[:1] if len(lines) > 1 and not padable(lines[0]) and padable(lines[1]) else []
    rows = lines[len(head) :]
    fields = sum(len(padable(row)) for row in rows)
    if not fields:
        return body
    times = -(-size // (_FIELD_BYTES * fields))
    return b"\n".join([*head, *islice(cycle(rows), len(rows) * times)]) + b"\n"


def _fields(body: bytes) -> Callable[[int], bytes] | None:
    """Return a function that pads the numbers of CSV rows; None if there are none."""
    parts: list[bytes] = []  # the body, cut before each number
    rest = b""
    for line in body.splitlines(keepends=True):
        numbers = set(padable(line))
        for place, field in enumerate(line.split(b",")):
            before = b"," if place else b""
            if place in numbers:
                parts.append(rest + before)
                rest = field
            else:
                rest += before + field
    if not parts:
        return None
    return lambda count: (b" " * max(1, count // len(parts))).join([*parts, rest])


def padable(line: bytes) -> list[int]:
    """Return the places of a row's numbers: blanks before them mean nothing."""
    return [place for place, field in enumerate(line.split(b",")) if _is_number(field)]


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
