"""The part of JSONPath that SageMaker's filters understand.

`$`, `.name`, `['name']` or several, `[0]` or several, negative ones from the end, slices `[1:3]`, and
mixtures such as `[0,5:]`. Several names give an object with them, several numbers or a slice an array; `*`
gives an array of all children. The same paths pick the columns of a row of CSV, which is an array to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Step = Callable[[Any], Any]

_NAME = re.compile(r"\.([^.\[\]'\"*\s]+)")
_QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*""")
_NUMBER = re.compile(r"\s*(-?\d+)\s*")
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*")
_LENGTH_MAX = 63


class PathError(ValueError):
    """The path is not one of these, or what it picks is not there; the text says which."""


class Path:
    """A path that was parsed; PathError where it cannot be."""

    def __init__(self, text: str) -> None:
        self._text = text
        if len(text) > _LENGTH_MAX:
            raise PathError(f"{text!r} is longer than {_LENGTH_MAX} characters.")
        if not text.startswith("$"):
            raise PathError(f"{text!r} does not begin with $.")
        self._steps = _parse(text)

    @property
    def is_all(self) -> bool:
        """Whether it is `$`, which changes nothing."""
        return not self._steps

    def pick(self, value: Any) -> Any:
        """What the path picks of a JSON value; PathError where that is not there."""
        for step in self._steps:
            try:
                value = step(value)
            except (KeyError, IndexError, TypeError):
                raise PathError(f"{self._text!r} names what is not in the record.") from None
        return value


def _parse(text: str) -> list[Step]:
    steps: list[Step] = []
    at = 1
    while at < len(text):
        if text.startswith((".*", "[*]"), at):
            steps.append(_children)
            at += 2 if text[at] == "." else 3
        elif name := _NAME.match(text, at):
            steps.append(_one_name(name.group(1)))
            at = name.end()
        else:
            at += text.startswith(".[", at)  # $.field.['a','b'], as AWS's page has it
            if not text.startswith("[", at):
                raise PathError(f"{text!r} is not a path at character {at + 1}.")
            step, at = _brackets(text, at + 1)
            steps.append(step)
    return steps


def _brackets(text: str, at: int) -> tuple[Step, int]:
    names: list[str] = []
    places: list[int | slice] = []
    while True:
        if quoted := _QUOTED.match(text, at):
            names.append(re.sub(r"\\(.)", r"\1", next(part for part in quoted.groups() if part is not None)))
            at = quoted.end()
        elif part := _SLICE.match(text, at):
            places.append(slice(*(None if end is None else int(end) for end in part.groups())))
            at = part.end()
        elif number := _NUMBER.match(text, at):
            places.append(int(number.group(1)))
            at = number.end()
        else:
            raise PathError(f"{text!r} is not a path at character {at + 1}.")
        if text.startswith(",", at):
            at += 1
            continue
        if not text.startswith("]", at) or (names and places):
            raise PathError(f"{text!r} is not a path at character {at + 1}.")
        break
    if names:
        return (_one_name(names[0]) if len(names) == 1 else _several_names(names)), at + 1
    if len(places) == 1 and isinstance(place := places[0], int):
        return _one_place(place), at + 1
    return _several_places(places), at + 1


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return list(value.values())
    return _array(value)


def _one_name(name: str) -> Step:
    return lambda value: _object(value)[name]


def _several_names(names: list[str]) -> Step:
    return lambda value: {name: _object(value)[name] for name in names}


def _one_place(place: int) -> Step:
    return lambda value: _array(value)[place]


def _several_places(places: list[int | slice]) -> Step:
    def pick(value: Any) -> Any:
        array = _array(value)
        out: list[Any] = []
        for place in places:
            out += array[place] if isinstance(place, slice) else [array[place]]
        return out

    return pick


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value
