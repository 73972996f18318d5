"""Tags of all records."""

from __future__ import annotations

from typing import Any

from longshore.emulator.faults import not_found
from longshore.emulator.operations.base import Handler, Request
from longshore.emulator.platform import Platform
from longshore.emulator.records import KINDS, KindName, Record


def add(platform: Platform, request: Request) -> dict[str, Any]:
    """Set tags; answers all of them."""
    found = _find(platform, request["ResourceArn"])
    given = {tag["Key"]: tag for tag in request["Tags"]}

    def merge(record: Record) -> None:
        kept = [tag for tag in record.get("Tags", []) if tag["Key"] not in given]
        record["Tags"] = [*kept, *given.values()]

    record = platform.records.change(*found, merge) or {}
    return {"Tags": record.get("Tags", [])}


def delete(platform: Platform, request: Request) -> dict[str, Any]:
    """Remove tags by their keys."""
    found = _find(platform, request["ResourceArn"])

    def prune(record: Record) -> None:
        record["Tags"] = [tag for tag in record.get("Tags", []) if tag["Key"] not in request["TagKeys"]]

    platform.records.change(*found, prune)
    return {}


def list_tags(platform: Platform, request: Request) -> dict[str, Any]:
    """All tags of a record: there are at most 50, which is a page."""
    found = _find(platform, request["ResourceArn"])
    return {"Tags": platform.records.get(*found).get("Tags", [])}


def _find(platform: Platform, arn: str) -> tuple[KindName, str]:
    """Return which record an ARN means; raises AwsError if there is none."""
    found = platform.records.by_arn(arn)
    if found is None:
        resource = arn.rpartition(":")[2].partition("/")[0]
        noun = next((kind.noun for kind in KINDS.values() if kind.name == resource), "resource")
        raise not_found(noun, arn)
    return found


HANDLERS: dict[str, Handler] = {"AddTags": add, "DeleteTags": delete, "ListTags": list_tags}
