"""Requests held against AWS's service model: what is missing, of the wrong type, out of range or malformed.

The sentences are AWS's own, because users search for them, and some clients look into them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from longshore.aws import service_model
from longshore.emulator.faults import AwsError

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
}


def validate(operation: str, request: dict[str, Any], service: str = "sagemaker") -> None:
    """Raise AwsError: SerializationException for a wrong type, ValidationException for all else."""
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return
    found = list(_faults(shape, request, ""))
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise AwsError(
            "ValidationException", f"{len(found)} validation {errors} detected: {'; '.join(found)}"
        )


def output_members(operation: str, service: str = "sagemaker") -> frozenset[str]:
    """The names that an operation's answer may hold, at its top."""
    shape = service_model(service).operation_model(operation).output_shape
    return frozenset(shape.members) if shape is not None else frozenset()


def shape_members(shape: str) -> frozenset[str]:
    """The names that one of SageMaker's structures may hold."""
    found: Any = service_model("sagemaker").shape_for(shape)
    return frozenset(found.members)


def summary_members(operation: str) -> tuple[str, frozenset[str]]:
    """For an operation that lists: the member that holds the list, and the names in each of its items."""
    shape = service_model("sagemaker").operation_model(operation).output_shape
    for name, member in shape.members.items():
        if member.type_name == "list":
            return name, frozenset(member.member.members)
    raise LookupError(f"{operation} lists nothing")


def _faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    kind: str = shape.type_name
    wanted: Any = _TYPES.get(kind, (object,))
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
        told = type(value).__name__.upper().replace("STR", "STRING").replace("DICT", "START_OBJECT")
        raise AwsError("SerializationException", f"{told} of '{path}' can not be converted to {kind.title()}")
    if kind == "structure":
        yield from _structure_faults(shape, value, path)
        return
    if kind == "list":
        yield from _size_faults(shape, value, path)
        for number, item in enumerate(value, 1):
            yield from _faults(shape.member, item, f"{path}.{number}.member")
        return
    if kind == "map":
        yield from _size_faults(shape, value, path)
        for key, item in value.items():
            if any(True for _ in _faults(shape.key, key, path)):
                text = "; ".join(_constraints(shape.key, key))
                yield _sentence(value, path, f"Map keys must satisfy constraint: [{text}]")
            if any(True for _ in _faults(shape.value, item, f"{path}.{key}")):
                text = "; ".join(_constraints(shape.value, item))
                yield _sentence(value, path, f"Map value must satisfy constraint: [{text}]")
        return
    for constraint in _constraints(shape, value):
        yield _sentence(value, path, constraint)


def _structure_faults(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _sentence(None, _join(path, name), "Member must not be null")
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _faults(member, value[name], _join(path, name))


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
