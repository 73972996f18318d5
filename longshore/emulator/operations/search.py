"""Search, among training jobs: by properties, tags, hyperparameters and metrics."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.listing import page_of
from longshore.emulator.operations.base import Handler, Request
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.validation import shape_members

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_IN_TEXT: dict[str, Callable[[str, str], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    "Contains": operator.contains,
    "In": lambda found, wanted: found in [item.strip() for item in wanted.split(",")],
}


def search(platform: Platform, request: Request) -> dict[str, Any] | None:
    """A page of training jobs; moto searches all other resources."""
    if request["Resource"] != "TrainingJob":
        return None
    names = shape_members("TrainingJob")
    by = request.get("SortBy", "LastModifiedTime")
    for name in (by, *_properties(request.get("SearchExpression", {}))):
        if name.partition(".")[0] not in {*names, "Metrics"}:
            raise AwsError("ValidationException", f"Unknown property name: {name}")
    found = [
        record
        for record in platform.records.all("training-job")
        if _matches(record, request.get("SearchExpression", {}))
    ]
    found.sort(key=lambda record: (_sorted_as(_value(record, by)), record["CreationTime"]))
    if request.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    page, following = page_of(found, request)
    jobs = [{name: record[name] for name in names if name in record} for record in page]
    return {"Results": [{"TrainingJob": job} for job in jobs], **following}


def _properties(expression: dict[str, Any]) -> list[str]:
    """The names in an expression; AwsError for what this does not know."""
    if expression.get("NestedFilters"):
        raise AwsError("ValidationException", "The emulator does not search by NestedFilters.")
    nested = [_properties(each) for each in expression.get("SubExpressions", [])]
    return [
        *(item["Name"] for item in expression.get("Filters", [])),
        *(name for names in nested for name in names),
    ]


def _matches(record: Record, expression: dict[str, Any]) -> bool:
    filters, nested = expression.get("Filters", []), expression.get("SubExpressions", [])
    if not filters and not nested:
        return True
    of_all = any if expression.get("Operator") == "Or" else all
    return of_all(
        itertools.chain(
            (_passes(record, item) for item in filters), (_matches(record, each) for each in nested)
        )
    )


def _passes(record: Record, item: dict[str, str]) -> bool:
    name, how = item["Name"], item.get("Operator", "Equals")
    found = _value(record, name)
    if how in ("Exists", "NotExists"):
        return (found is not None) == (how == "Exists")
    if "Value" not in item:
        raise AwsError("ValidationException", f"{name}: {how} needs a Value.")
    if found is None:
        return how == "NotEquals"
    wanted = item["Value"]
    if isinstance(found, bool):
        found = str(found).lower()
    is_text = isinstance(found, str) and not name.startswith("HyperParameters.")
    number, limit = None if is_text else _number(found), _number(wanted)
    if number is not None and limit is not None and how in _COMPARE:
        return _COMPARE[how](number, limit)
    if isinstance(found, str) and how in _IN_TEXT:
        return _IN_TEXT[how](found, wanted)
    raise AwsError("ValidationException", f"{name}: {how} {wanted!r} cannot be asked of {found!r}.")


def _value(record: Record, name: str) -> Any:
    """A property of a job; None where it has none of this name."""
    first, _, rest = name.partition(".")
    if first == "Tags":
        return next((tag["Value"] for tag in record.get("Tags", []) if tag["Key"] == rest), None)
    if first == "Metrics":
        metrics = record.get("FinalMetricDataList", [])
        return next((metric["Value"] for metric in metrics if metric["MetricName"] == rest), None)
    if first == "HyperParameters":  # whose names may have dots
        return record.get(first, {}).get(rest)
    found: Any = record
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _sorted_as(value: Any) -> tuple[bool, float, str]:
    """By number or by text, of which a property is one; first what does not have it."""
    return value is not None, value if isinstance(value, float | int) else 0.0, str(value)


def _number(value: Any) -> float | None:
    """Of a number, a time (seconds since the epoch, or ISO 8601), or a text that is one."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


HANDLERS: dict[str, Handler] = {"Search": search}
