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
        as_long: Returns a small body with blanks in a row as long as in the large one of a size; None if the
            large one has all of them in one place, where nobody counts them.
    """

    what: str
    padded: Callable[[int], bytes]
    as_long: Callable[[int], bytes] | None = None

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
        yield from _csv(body, size)
    elif kind == JSON or kind.endswith("+json"):
        yield Padding("JSON, blanks at the end", lambda count: body + b" " * max(1, count))
        yield _within(body, "JSON")
    elif kind in ("application/jsonlines", "application/x-ndjson"):
        yield _within(body, "JSON lines")
    elif kind.startswith("text/"):
        yield Padding("blanks at the end", lambda count: body + b" " * max(1, count))
    else:
        yield Padding("NUL bytes at the end", lambda count: body + b"\0" * max(1, count))


def _csv(body: bytes, size: int) -> Iterator[Padding]:
    few, many = _fields(body), _fields(_repeated(body, size))
    if few is not None and many is not None:
        yield Padding(
            "CSV, repeated rows with blanks before the numbers",
            many.padded,
            lambda whole: few.with_blanks(many.blanks(whole)),
        )
        # Fields may be limited, too: there is no small body with fields that long.
        yield Padding("CSV, blanks before the numbers", few.padded, few.padded)
    start = body.rstrip() + b"\n"
    yield Padding(
        "CSV, blank lines at the end",
        lambda count: start + _blank_lines(count),
        lambda whole: start + _blank_lines(_FIELD_BYTES),
    )


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


@dataclass(frozen=True)
class _Fields:
    """CSV that can be padded before its numbers. parts: The body, cut before each number."""

    parts: tuple[bytes, ...]

    def blanks(self, count: int) -> int:
        """Return the blanks before each number, for so many in all."""
        return max(1, count // (len(self.parts) - 1))

    def with_blanks(self, blanks: int) -> bytes:
        return (b" " * blanks).join(self.parts)

    def padded(self, count: int) -> bytes:
        return self.with_blanks(self.blanks(count))


def _fields(body: bytes) -> _Fields | None:
    """Cut CSV before its numbers; None if there are none."""
    parts: list[bytes] = []
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
    return _Fields((*parts, rest)) if parts else None


def padable(line: bytes) -> list[int]:
    """Return the places of a row's numbers: blanks before them mean nothing."""
    return [place for place, field in enumerate(line.split(b",")) if _is_number(field)]


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
