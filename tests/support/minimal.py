"""Minimal requests of any AWS operation, made from botocore's models: the required members alone."""

from __future__ import annotations

import datetime
from typing import Any

from botocore.model import OperationModel

_DEEPEST = 6  # some shapes contain themselves


def parameters(operation: OperationModel) -> dict[str, Any]:
    """Return values that botocore accepts for the required members of the operation's input."""
    if operation.input_shape is None:
        return {}
    made: dict[str, Any] = _value(operation.input_shape, "", 0)
    return made


def _value(shape: Any, name: str, depth: int) -> Any:
    kind = shape.type_name
    if kind == "structure":
        if depth > _DEEPEST:
            return {}
        if shape.is_tagged_union:
            first = next(iter(shape.members))
            return {first: _value(shape.members[first], first, depth + 1)}
        return {each: _value(shape.members[each], each, depth + 1) for each in shape.required_members}
    if kind == "list":
        return [_value(shape.member, name, depth + 1)] * max(1, shape.metadata.get("min", 0))
    if kind == "map":
        return {_value(shape.key, name, depth + 1): _value(shape.value, name, depth + 1)}
    if kind == "string":
        return _text(shape, name)
    return {
        "blob": b"{}",
        "boolean": False,
        "timestamp": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        "integer": max(1, shape.metadata.get("min", 0)),
        "long": max(1, shape.metadata.get("min", 0)),
        "float": 1.0,
        "double": 1.0,
    }[kind]


def _text(shape: Any, name: str) -> str:
    if shape.enum:
        return str(shape.enum[0])
    text = "arn:aws:iam::123456789012:role/longshore" if "arn" in name.lower() else "minimal"
    return text.ljust(shape.metadata.get("min", 0), "x")[: shape.metadata.get("max", 1 << 20)]
