"""What List operations do with their records: filter, sort, cut into pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.records import KINDS, KindName, Record, Records
from longshore.emulator.validation import summary_members

_PAGE = 10  # items of a page where the request does not say
_ASCENDING = ("training-job", "processing-job")  # where the request does not say; all others descend
# The prefixes of the filters by time, which differ from kind to kind, and the member that each is about.
_TIMES = {
    "CreationTime": "CreationTime",
    "Created": "CreationTime",
    "LastModifiedTime": "LastModifiedTime",
    "ModifiedTime": "LastModifiedTime",
}


def list_records(
    records: Records,
    kind: KindName,
    request: Mapping[str, Any],
    operation: str | None = None,
    chosen: Iterable[Record] | None = None,
) -> dict[str, Any]:
    """Return the answer to a kind's List operation, whose request has SageMaker's usual filters.

    Those are NameContains, StatusEquals, the times of creation and of the last change, SortBy (Name,
    CreationTime, LastModifiedTime, Status), SortOrder, MaxResults and NextToken. An item holds what its
    summary's shape knows.

    Args:
        records: All records.
        kind: The kind of record.
        request: A valid request.
        operation: The operation's name; defaults to 'List' and the kind's plural.
        chosen: The records that passed further filters; defaults to all of the kind.
    """
    about = KINDS[kind]
    member, names = summary_members(operation or f"List{about.stem}s")
    name_member = f"{about.stem}Name"
    found = [
        record
        for record in (records.all(kind) if chosen is None else chosen)
        if _passes(record, about.status, name_member, request)
    ]
    by = {
        "Name": name_member,
        "Status": about.status or "CreationTime",
        "LastModifiedTime": "LastModifiedTime",
    }.get(request.get("SortBy", ""), "CreationTime")
    default = "Ascending" if kind in _ASCENDING else "Descending"
    found.sort(
        key=lambda record: (
            record.get(by, record["CreationTime"]),
            record["CreationTime"],
            record[name_member],
        ),
        reverse=request.get("SortOrder", default) == "Descending",
    )
    page, following = page_of(found, request)
    return {member: [{key: item[key] for key in names if key in item} for item in page], **following}


def page_of(chosen: list[Record], request: Mapping[str, Any]) -> tuple[list[Record], dict[str, str]]:
    """The page that NextToken and MaxResults ask for, and the next one's token as a member of the answer."""
    start = _offset(request.get("NextToken"))
    size = request.get("MaxResults", _PAGE)
    more = start + size < len(chosen)
    following = {"NextToken": base64.b64encode(str(start + size).encode()).decode()} if more else {}
    return chosen[start : start + size], following


def _passes(record: Record, status: str | None, name_member: str, request: Mapping[str, Any]) -> bool:
    if request.get("NameContains", "").lower() not in record[name_member].lower():
        return False
    if status and request.get("StatusEquals", record[status]) != record[status]:
        return False
    for prefix, member in _TIMES.items():
        when: float = record[member] if member in record else record["CreationTime"]
        if not request.get(f"{prefix}After", 0) <= when <= request.get(f"{prefix}Before", when):
            return False
    return True


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        start = int(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        start = -1
    if start < 0:
        raise AwsError("ValidationException", "Invalid pagination token.")
    return start
