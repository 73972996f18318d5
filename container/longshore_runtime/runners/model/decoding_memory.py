"""The memory that a JSON, JSON Lines or CSV body takes decoded, estimated from its punctuation.

The estimate is made before any object is created: `[],[],[]` takes 30 times its own size, a text hardly
more than once. The costs are those of CPython's objects and of the parsers' own buffers, rounded up: no body
takes more than its estimate. bench/bodies.md has both, measured.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from longshore_runtime.runners.model import media

_CHUNK = 2**20  # bytes looked at at a time

# JSON: bytes for each list, object, name in an object, element and half of a string. orjson also keeps 16
# bytes for each value until it has decoded the whole text: for JSON Lines, only for a line.
_JSON_COSTS = {b"[": 104, b"{": 200, b":": 64, b",": 56, b'"': 20}
_LINE_COSTS = {b"[": 88, b"{": 184, b":": 40, b",": 40, b"\n": 40, b'"': 16}

# CSV: bytes for each field, and for each that is held as a Python object at a time: those of the longest row,
# or those that decoding_csv reads by orjson at a time.
_NUMBER = 20
_TEXT = 84
_FIELD_OF_A_ROW = 100
_NUMBERS_AT_ONCE = 2**16
_NUMBER_CHARACTERS = b"0123456789+-.eE \t,\r\n"


def estimate(text: bytes, kind: str, most: int) -> int:
    """Return how many bytes this body in UTF-8 takes decoded, itself not included.

    Args:
        kind: media.JSON, media.JSON_LINES or media.CSV.
        most: an estimate above this is made again, more slowly: it then leaves out what is within strings.
    """
    if kind == media.CSV:
        return _csv(text)
    costs = _LINE_COSTS if kind == media.JSON_LINES else _JSON_COSTS
    strings = (2 + _width(text)) * len(text)
    size = strings + _punctuation(_chunks(text), costs)
    return size if size <= most else strings + _punctuation(_outside_strings(text), costs)


def _punctuation(chunks: Iterator[npt.NDArray[np.uint8]], costs: dict[bytes, int]) -> int:
    size = 0
    for chunk in chunks:
        size += sum(cost * int(np.count_nonzero(chunk == mark[0])) for mark, cost in costs.items())
    return size


def _chunks(text: bytes) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, len(text), _CHUNK):
        yield np.frombuffer(text, np.uint8, min(_CHUNK, len(text) - start), start)


def _outside_strings(text: bytes) -> Iterator[npt.NDArray[np.uint8]]:
    """The bytes of valid JSON that are not within strings, quotes included."""
    if b"\\" in text:  # replaced are the pairs first: a quote after an even number of backslashes is one
        text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    within = np.uint8(0)
    for chunk in _chunks(text):
        quotes = chunk == ord('"')
        parity = (np.cumsum(quotes, dtype=np.uint8) + within) & 1
        within = parity[-1]
        yield chunk[(parity == 0) | quotes]


def _width(text: bytes) -> int:
    """The bytes that a character of the widest string may take."""
    largest = max(int(chunk.max()) for chunk in _chunks(text))
    if largest >= 0xF0 or b"\\ud" in text or b"\\uD" in text:
        return 4
    return 2 if largest >= 0xC4 or b"\\u" in text else 1


def _csv(text: bytes) -> int:
    fields, longest = _fields_and_longest_line(text)
    if b'"' in text:  # then a row may be longer than a line
        longest = len(text)
    body = text[text.find(b"\n") + 1 :] if b"\n" in text[:-1] else text  # perhaps below a header
    numbers = not body.translate(None, _NUMBER_CHARACTERS)
    # csv and the text that it reads have up to 5 copies of a row, most of them with 4 bytes for a character.
    at_once = max(longest, _NUMBERS_AT_ONCE) if numbers else longest
    row = _FIELD_OF_A_ROW * min(fields, at_once) + (6 + 4 * _width(text)) * longest
    return (_NUMBER if numbers else _TEXT) * fields + 3 * len(text) + row


def _fields_and_longest_line(text: bytes) -> tuple[int, int]:
    fields = 1
    longest = start = at = 0
    for chunk in _chunks(text):
        ends = np.flatnonzero((chunk == ord("\n")) | (chunk == ord("\r")))
        fields += int(np.count_nonzero(chunk == ord(","))) + len(ends)
        if len(ends):
            longest = max(longest, at + int(ends[0]) - start, int(np.diff(ends).max(initial=0)))
            start = at + int(ends[-1]) + 1
        at += len(chunk)
    return fields, max(longest, at - start)
