"""Search: among records of one kind, by properties, tags, hyperparameters, parameters and metrics."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

from longshore.emulator.faults import AwsError, not_implemented
from longshore.emulator.listing import page_of
from longshore.emulator.operations.base import Handler, Request
from longshore.emulator.operations.search_documents import DOCUMENTS, property_values
from longshore.emulator.platform import Platform
from longshore.emulator.timestamps import seconds_since_epoch
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

Document = dict[str, Any]  # a record as Search returns it


def search(platform: Platform, request: Request) -> dict[str, Any]:
    """Return a page of the records that pass the expression."""
    resource = request["Resource"]
    source = DOCUMENTS.get(resource)
    if source is None:
        raise not_implemented(
            f"The emulator has no resources of type {resource}. It searches among {', '.join(DOCUMENTS)}."
        )
    if "VisibilityConditions" in request:
        raise AwsError("ValidationException", "The emulator does not search by VisibilityConditions.")
    names = {*shape_members(source.shape), "Metrics"}
    expression = request.get("SearchExpression", {})
    by = request.get("SortBy", "LastModifiedTime")
    for name in (*([by] if "SortBy" in request else []), *_properties(expression)):
        if name.partition(".")[0] not in names:
            raise AwsError("ValidationException", f"Unknown property name: {name}")
    found = [document for document in source.all(platform) if _matches(document, expression)]
    found.sort(key=lambda document: (*_sort_key(document, by), *_sort_key(document, "CreationTime")))
    if request.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    page, following = page_of(found, request)
    return {"Results": [{source.member: document} for document in page], **following}


def _properties(expression: dict[str, Any]) -> list[str]:
    """Return the names in an expression; raises AwsError if it asks what is not emulated."""
    if expression.get("NestedFilters"):
        raise AwsError("ValidationException", "The emulator does not search by NestedFilters.")
    nested = [_properties(each) for each in expression.get("SubExpressions", [])]
    return [
        *(item["Name"] for item in expression.get("Filters", [])),
        *(name for names in nested for name in names),
    ]


def _matches(document: Document, expression: dict[str, Any]) -> bool:
    filters, nested = expression.get("Filters", []), expression.get("SubExpressions", [])
    if not filters and not nested:
        return True
    of_all = any if expression.get("Operator") == "Or" else all
    return of_all(
        itertools.chain(
            (_passes(document, item) for item in filters), (_matches(document, each) for each in nested)
        )
    )


def _passes(document: Document, item: dict[str, str]) -> bool:
    name, how = item["Name"], item.get("Operator", "Equals")
    found = property_values(document, name)
    if how in ("Exists", "NotExists"):
        return bool(found) == (how == "Exists")
    if "Value" not in item:
        raise AwsError("ValidationException", f"{name}: {how} needs a Value.")
    if not found:
        return how == "NotEquals"
    of_all = all if how == "NotEquals" else any
    return of_all(_compare(name, how, value, item["Value"]) for value in found)


def _compare(name: str, how: str, found: Any, wanted: str) -> bool:
    if isinstance(found, bool):
        found = str(found).lower()
    is_text = isinstance(found, str) and not name.startswith("HyperParameters.")
    number, limit = None if is_text else _number(found), _number(wanted)
    if number is not None and limit is not None and how in _COMPARE:
        return _COMPARE[how](number, limit)
    if isinstance(found, str) and how in _IN_TEXT:
        return _IN_TEXT[how](found, wanted)
    kind = "text" if isinstance(found, str) else "a structure" if number is None else "a number"
    raise AwsError(
        "ValidationException",
        f'The operator {how} with the value "{wanted}" does not apply to {name}, which is {kind}.',
    )


def _sort_key(document: Document, name: str) -> tuple[bool, float, str]:
    """Order by number or by text, of which a property is one; documents without it come first."""
    value = next(iter(property_values(document, name)), None)
    return value is not None, value if isinstance(value, float | int) else 0.0, str(value)


def _number(value: Any) -> float | None:
    """Return a number, a time or a text that is one of them as a number, otherwise None."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return seconds_since_epoch(value) if isinstance(value, str) else None


HANDLERS: dict[str, Handler] = {"Search": search}
