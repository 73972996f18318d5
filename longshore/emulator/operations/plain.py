"""Operations on records for which nothing runs: create, describe, update, delete and list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from longshore.emulator.kinds import KINDS, KindName
from longshore.emulator.listing import list_records
from longshore.emulator.operations.base import Handler, Request, check_tags, described
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.validation import output_members

# Members of requests that are about the request and no property of the record.
_OF_THE_REQUEST = ("ClientRequestToken", "ClientToken")
# Members whose values are merged by their keys; all others are replaced.
_MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts", "CustomerMetadataProperties", "GitConfig")


def find_name(platform: Platform, kind: KindName, given: str) -> str:
    """Return the name of a record that a request names by its name or its ARN.

    Raises:
        AwsError: If there is no such record.
    """
    if given.startswith("arn:"):
        found = platform.records.by_arn(given)
        if found is None or found[0] != kind:
            raise KINDS[kind].not_found(given.rpartition("/")[2], given)
        return found[1]
    platform.records.get(kind, given)
    return given


def creating(
    kind: KindName, prepare: Callable[[Platform, Request], Record] = lambda _, request: request
) -> dict[str, Handler]:
    """Return the handler of Create. prepare: Checks the request and returns what the record holds."""
    stem = KINDS[kind].stem

    def create(platform: Platform, request: Request) -> dict[str, Any]:
        check_tags(request)
        kept = {key: value for key, value in request.items() if key not in _OF_THE_REQUEST}
        record = platform.records.create(kind, request[f"{stem}Name"], prepare(platform, kept))
        return {f"{stem}Arn": record[f"{stem}Arn"]}

    return {f"Create{stem}": create}


def describing(kind: KindName) -> dict[str, Handler]:
    """Return the handler of Describe."""
    stem = KINDS[kind].stem

    def describe(platform: Platform, request: Request) -> dict[str, Any]:
        name = find_name(platform, kind, request[f"{stem}Name"])
        return described(f"Describe{stem}", platform.records.get(kind, name))

    return {f"Describe{stem}": describe}


def updating(
    kind: KindName,
    named_by: str = "Name",
    prepare: Callable[[Platform, Request], Request] = lambda _, request: request,
) -> dict[str, Handler]:
    """Return the handler of Update.

    Args:
        kind: The kind of record.
        named_by: The suffix of the request's member that names the record.
        prepare: Checks the request and returns the members to change, see `merge`.
    """
    stem = KINDS[kind].stem

    def update(platform: Platform, request: Request) -> dict[str, Any]:
        name = find_name(platform, kind, request[f"{stem}{named_by}"])
        changes = prepare(platform, request)
        platform.records.change(kind, name, lambda record: merge(record, changes, f"{stem}{named_by}"))
        answer = {f"{stem}Arn": platform.records.arn(kind, name)}
        return answer if f"{stem}Arn" in output_members(f"Update{stem}") else {}

    return {f"Update{stem}": update}


def merge(record: Record, changes: Request, name_member: str) -> None:
    """Change a record's members: maps by their keys, `...ToRemove` and `...ToAdd` in the member they name."""
    for member, value in changes.items():
        if member == name_member or member in _OF_THE_REQUEST:
            continue
        if member.endswith("ToRemove"):
            kept = record.get(member.removesuffix("ToRemove"), {})
            record[member.removesuffix("ToRemove")] = {
                key: item for key, item in kept.items() if key not in value
            }
        elif member.endswith("ToAdd"):
            record[member.removesuffix("ToAdd")] = [*record.get(member.removesuffix("ToAdd"), []), *value]
        elif member in _MAPS:
            record[member] = {**record.get(member, {}), **value}
        else:
            record[member] = value


def deleting(
    kind: KindName, check: Callable[[Platform, str], object] = lambda _platform, _name: None
) -> dict[str, Handler]:
    """Return the handler of Delete. check: Raises AwsError if the record is in use."""
    stem = KINDS[kind].stem

    def delete(platform: Platform, request: Request) -> dict[str, Any]:
        name = find_name(platform, kind, request[f"{stem}Name"])
        check(platform, name)
        platform.records.delete(kind, name)
        answer = {f"{stem}Arn": platform.records.arn(kind, name)}
        return answer if f"{stem}Arn" in output_members(f"Delete{stem}") else {}

    return {f"Delete{stem}": delete}


def listing(
    kind: KindName,
    operation: str,
    select: Callable[[Platform, Request], Iterable[Record]] | None = None,
) -> dict[str, Handler]:
    """Return the handler of List. select: Returns the records that pass the kind's own filters."""

    def list_all(platform: Platform, request: Request) -> dict[str, Any]:
        chosen = None if select is None else select(platform, request)
        return list_records(platform.records, kind, request, operation, chosen)

    return {operation: list_all}
