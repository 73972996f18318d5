"""JSON and JSON Lines bodies to Python objects: by orjson, except for integers of more than 64 bits."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import orjson

from longshore_runtime.runners.model.decoding_text import not_utf_8, unreadable

# orjson reads integers of more than 64 bits as floats. The shortest one has 19 digits. With all digits made
# zeros, they are found much faster than by a regular expression. Fractions, and strings that begin with a
# digit, must not look like one: they are common, and a second look is slow.
_DIGITS = bytes(
    ord("0") if chr(c).isdigit() else ord(".") if chr(c) in '."' else ord(",") for c in range(128)
) + (b"," * 128)
_LONG = b"0" * 19
_LONG_INTEGER = re.compile(rb"(?<![\d.eE+])(?<![eE]-)\d{19,}(?![\d.eE])")
# What Python's json writes for floats that JSON does not have; orjson's position is at the N or I.
_NOT_JSON = re.compile(r"NaN|Infinity")
_NO_MEMORY = "Not enough memory"  # how orjson's message for a failed allocation begins


def read(text: bytes) -> Any:
    """Return the object of a JSON body in UTF-8."""
    return _exact(text, "JSON", 1) if _has_long_digits(text) else _parsed(text, "JSON", 1)


def read_lines(text: bytes) -> list[Any]:
    """Return the objects of a JSON Lines body in UTF-8, one for each line that is not blank."""
    lines = enumerate(io.BytesIO(text), 1)
    parse = _exact if _has_long_digits(text) else _parsed
    data = [parse(line.rstrip(), "JSON Lines", number) for number, line in lines if not line.isspace()]
    if not data:
        raise unreadable("JSON Lines", "it holds no record")
    return data


def _parsed(text: bytes, what: str, first_line: int) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _error(text, error, what, first_line) from None
    except SystemError as error:  # how orjson fails where an object cannot be allocated
        raise error.__cause__ or error from None


def _has_long_digits(text: bytes) -> bool:
    if len(text) < len(_LONG):
        return False
    digits = text.translate(_DIGITS)
    # To find the end of a long run of digits is faster than to find its beginning.
    if _LONG + b"," in digits and b"," + _LONG in digits:
        return True
    return digits.startswith(_LONG) or digits.endswith(_LONG)


def _exact(text: bytes, what: str, first_line: int) -> Any:
    """Return the object with all digits of its integers, by Python's json where there are long ones."""
    parsed = _parsed(text, what, first_line)  # validates, more strictly than Python's json
    if not _LONG_INTEGER.search(text):
        return parsed
    del parsed
    try:
        return json.loads(text)
    except ValueError:  # the only one left: Python's limit on the digits of an integer
        why = f"line {first_line}: an integer has too many digits. Send it as a string"
    except RecursionError:
        why = "it is nested too deeply for integers of more than 64 bits. Send them as strings"
    raise unreadable(what, why)


def _error(text: bytes, error: orjson.JSONDecodeError, what: str, first_line: int) -> Exception:
    """Return the 400 that says what orjson did not accept, and where; a MemoryError if memory ran out."""
    if error.msg.startswith(_NO_MEMORY):
        return MemoryError(error.msg)
    try:
        text.decode()  # orjson does not say where UTF-8 breaks
    except UnicodeDecodeError as broken:
        return not_utf_8(broken, what, first_line)
    place = f"line {first_line + error.lineno - 1}, column {error.colno}"
    if found := _NOT_JSON.match(error.doc, error.pos):
        return unreadable(what, f"{place}: JSON has no {found.group()}. Send null for a missing number")
    return unreadable(what, f"{place}: {error.msg}")
