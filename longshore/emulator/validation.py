"""Requests held against AWS's service model: what is missing, of the wrong type, out of range or malformed.

The sentences are AWS's own, because users search for them, and some clients look into them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from longshore.aws import service_model
from longshore.emulator.faults import AwsError
from longshore.emulator.timestamps import seconds_since_epoch

_TYPES: dict[str, Any] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
    "blob": (str,),
}
_TYPE_NAMES = {str: "STRING", dict: "START_OBJECT", list: "START_ARRAY", type(None): "NULL"}
_BITS = {"integer": 31, "long": 63}
_FLOAT_MAX = int(sys.float_info.max)  # what is larger is an integer of JSON that no float holds


def validate(operation: str, request: dict[str, Any], service: str = "sagemaker") -> dict[str, Any]:
    """Check a request.

    Returns:
        The request without members that are null or unknown, and with times in seconds since the epoch.

    Raises:
        AwsError: SerializationException for a wrong type, ValidationException for all else.
    """
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return {}
    found = list(_faults(shape, request, ""))
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise AwsError(
            "ValidationException", f"{len(found)} validation {errors} detected: {'; '.join(found)}"
        )
    cleaned: dict[str, Any] = _clean(shape, request)
    return cleaned


def output_members(operation: str, service: str = "sagemaker") -> frozenset[str]:
    """The names that an operation's answer may hold, at its top."""
    shape = service_model(service).operation_model(operation).output_shape
    return frozenset(shape.members) if shape is not None else frozenset()


def shape_members(shape: str) -> frozenset[str]:
    """The names that one of SageMaker's structures may hold."""
    found: Any = service_model("sagemaker").shape_for(shape)
    return frozenset(found.members)


def only_members(shape: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one of SageMaker's structures may hold of a record."""
    names = shape_members(shape)
    return {name: value for name, value in record.items() if name in names}


def summary_members(operation: str) -> tuple[str, frozenset[str]]:
    """For an operation that lists: the member that holds the list, and the names in each of its items."""
    shape = service_model("sagemaker").operation_model(operation).output_shape
    for name, member in shape.members.items():
        if member.type_name == "list":
            return name, frozenset(member.member.members)
    raise LookupError(f"{operation} lists nothing")


def _faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    kind: str = shape.type_name
    _check_type(kind, value, path)
    if kind == "structure":
        yield from _structure_faults(shape, value, path)
    elif kind == "list":
        yield from _size_faults(shape, value, path)
        for number, item in enumerate(value, 1):
            yield from _faults(shape.member, item, f"{path}.{number}.member")
    elif kind == "map":
        yield from _size_faults(shape, value, path)
        yield from _map_faults(shape, value, path)
    else:
        for constraint in _constraints(shape, value):
            yield _sentence(value, path, constraint)


def _check_type(kind: str, value: Any, path: str) -> None:
    """Raise AwsError if a value is not of a type, or not one that the type can hold."""
    wanted: Any = _TYPES.get(kind, (object,))
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
        given = _TYPE_NAMES.get(type(value), type(value).__name__.upper())
        raise _not_converted(f"{given} of '{path}'", kind)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _not_converted(f"A half of a surrogate pair in '{path}'", kind) from None
    if kind == "timestamp":
        if seconds_since_epoch(value) is None:
            raise _not_converted(f"'{str(value)[:100]}' of '{path}'", kind)
    elif isinstance(value, int) and not isinstance(value, bool):
        limit = 1 << _BITS[kind] if kind in _BITS else _FLOAT_MAX
        if not -limit <= value < limit:
            raise _not_converted(f"The number in '{path}', which is too large,", kind)


def _not_converted(what: str, kind: str) -> AwsError:
    return AwsError("SerializationException", f"{what} can not be converted to {kind.title()}")


def _map_faults(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for key, item in value.items():
        if any(True for _ in _faults(shape.key, key, path)):
            text = "; ".join(_constraints(shape.key, key))
            yield _sentence(value, path, f"Map keys must satisfy constraint: [{text}]")
        if shape.value.type_name in ("structure", "list", "map"):
            yield from _faults(shape.value, item, f"{path}.{key}.member")
        elif any(True for _ in _faults(shape.value, item, f"{path}.{key}")):
            text = "; ".join(_constraints(shape.value, item))
            yield _sentence(value, path, f"Map value must satisfy constraint: [{text}]")


def _structure_faults(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _sentence(None, _join(path, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _faults(member, value[name], _join(path, name))
    if shape.is_tagged_union and sum(value.get(name) is not None for name in shape.members) != 1:
        yield _sentence(value, path, f"Exactly one member must be set: [{', '.join(shape.members)}]")


def _clean(shape: Any, value: Any) -> Any:
    """Return a valid value without null and unknown members, and with times as numbers."""
    kind: str = shape.type_name
    if kind == "structure":
        known = {name: value[name] for name in shape.members if value.get(name) is not None}
        return {name: _clean(shape.members[name], member) for name, member in known.items()}
    if kind == "list":
        return [_clean(shape.member, item) for item in value]
    if kind == "map":
        return {key: _clean(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        return seconds_since_epoch(value)
    return value


def _size_faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and len(value) < least:
        yield _sentence(value, path, f"Member must have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _sentence(value, path, f"Member must have length less than or equal to {most}")


def _constraints(shape: Any, value: Any) -> Iterator[str]:
    """What a simple value does not satisfy."""
    metadata = shape.metadata
    size, noun = (len(value), "length") if isinstance(value, str) else (value, "value")
    if shape.type_name in ("boolean", "timestamp"):
        return
    if "min" in metadata and size < metadata["min"]:
        yield f"Member must have {noun} greater than or equal to {metadata['min']}"
    if "max" in metadata and size > metadata["max"]:
        yield f"Member must have {noun} less than or equal to {metadata['max']}"
    if isinstance(value, str):
        if "\0" in value:
            yield "Member must not have a NUL character"
        if shape.enum and value not in shape.enum:
            yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        pattern = metadata.get("pattern")
        if pattern and not _matches(pattern, value):
            yield f"Member must satisfy regular expression pattern: {pattern}"


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None  # a few use what only Java's expressions know, such as \p{L}


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


def _sentence(value: Any, path: str, constraint: str) -> str:
    shown = "Value null" if value is None else f"Value '{_shown(value)}'"
    return f"{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return str(value)


def _join(path: str, name: str) -> str:
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member
