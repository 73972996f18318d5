"""GetResources of the Resource Groups Tagging API: finds resources of SageMaker by their tags."""

from __future__ import annotations

from typing import Any

from longshore.emulator.faults import AwsError, not_implemented
from longshore.emulator.records import KINDS, Records

_PAGE = 50
_MOST = 100


def get_resources(records: Records, request: dict[str, Any]) -> dict[str, Any]:
    """Return a page of the tagged resources that match all filters.

    Raises:
        AwsError: The request is malformed, or asks for resources of another service.
    """
    types = _list(request, "ResourceTypeFilters", str)
    for each in types:
        if each.partition(":")[0] != "sagemaker":
            raise not_implemented(f"The emulator's GetResources finds resources of sagemaker, not of {each}.")
    filters = _list(request, "TagFilters", dict)
    arns = _list(request, "ResourceARNList", str)
    size = request.get("ResourcesPerPage", _PAGE)
    if not isinstance(size, int) or not 1 <= size <= _MOST:
        raise _invalid("ResourcesPerPage", f"a number from 1 to {_MOST}")
    after = request.get("PaginationToken") or ""
    found = sorted(
        (arn, tags)
        for arn, tags in _tagged(records)
        if arn > after
        and (not arns or arn in arns)
        and (not types or any(_has_type(arn, each) for each in types))
        and all(_matches(tags, each) for each in filters)
    )
    page = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for arn, tags in found[:size]
    ]
    return {
        "ResourceTagMappingList": page,
        "PaginationToken": page[-1]["ResourceARN"] if len(found) > size else "",
    }


def _tagged(records: Records) -> list[tuple[str, dict[str, str]]]:
    return [
        (record[f"{kind.stem}Arn"], {tag["Key"]: tag["Value"] for tag in record["Tags"]})
        for name, kind in KINDS.items()
        for record in records.columns(name, (f"{kind.stem}Arn", "Tags"))
        if record.get("Tags")
    ]


def _has_type(arn: str, resource_type: str) -> bool:
    kind = resource_type.partition(":")[2]
    return not kind or arn.split(":")[5].partition("/")[0] == kind


def _matches(tags: dict[str, str], tag_filter: dict[str, Any]) -> bool:
    """Return whether one of the values is there; without values, whether the key is."""
    key = tag_filter.get("Key")
    values = _list(tag_filter, "Values", str)
    return key in tags and (not values or tags[key] in values)


def _list(request: dict[str, Any], member: str, kind: type) -> list[Any]:
    value = request.get(member) or []
    if not isinstance(value, list) or not all(isinstance(each, kind) for each in value):
        raise _invalid(member, f"a list of {'texts' if kind is str else 'structures'}")
    return value


def _invalid(member: str, expected: str) -> AwsError:
    return AwsError("InvalidParameterException", f"{member} must be {expected}.")
