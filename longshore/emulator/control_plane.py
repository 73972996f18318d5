"""SageMaker's control plane on the wire: from a request's body to the function that answers it."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from longshore.emulator import json_protocol
from longshore.emulator.faults import AwsError, not_implemented
from longshore.emulator.operations import TABLE, trial_metrics
from longshore.emulator.operations.base import Handler
from longshore.emulator.operations.refused import refusal
from longshore.emulator.validation import validate

_TARGET = "SageMaker."  # the prefix of X-Amz-Target
_DEPTH_MAX = 100  # of nested lists and objects in a request


class Operation(NamedTuple):
    """An operation of the control plane. service: as botocore names it."""

    name: str
    service: str
    handler: Handler


def find_operation(service: str, method: str, path: str, target: str) -> Operation | None:
    """Return the operation that a request is for; None if it is not for the control plane.

    Args:
        service: As the request is signed; empty if it is not.
        method: Of HTTP.
        path: Of the URL.
        target: The header X-Amz-Target.

    Raises:
        AwsError: If the request is for SageMaker, but not for an operation that is emulated.
    """
    if target.startswith(_TARGET):
        name = target.removeprefix(_TARGET)
        if name not in TABLE:
            raise refusal(name)
        return Operation(name, "sagemaker", TABLE[name])
    if service != "sagemaker" and not target.lower().startswith(_TARGET.lower()):
        return None
    metrics = trial_metrics.HANDLERS.get((method, path))
    if metrics is not None:
        return Operation(path.removeprefix("/"), trial_metrics.SERVICE, metrics)
    if method == "POST" and path == "/":
        raise AwsError("UnknownOperationException", f"X-Amz-Target '{target[:100]}' names no operation.")
    raise not_implemented(
        f"The emulator does not know {method} {path[:200]}: of SageMaker it has the control plane, the "
        "runtime and the metrics of trial components."
    )


def parse_request(operation: Operation, body: bytes) -> dict[str, Any]:
    """Return a valid request, see `validate`.

    Raises:
        AwsError: If the body is not a JSON object, or is not what the operation takes.
    """
    request = json_protocol.parse(body, _refuse_constant)
    _check_depth(request)
    return validate(operation.name, request, operation.service)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_depth(request: dict[str, Any]) -> None:
    level: list[Any] = [request]
    for _ in range(_DEPTH_MAX):
        level = [item for value in level for item in _items(value)]
        if not level:
            return
    raise AwsError("SerializationException", f"The body has more than {_DEPTH_MAX} levels.")


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
