"""Model cards and their versions."""

from __future__ import annotations

import json
import time
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.kinds import KindName
from longshore.emulator.listing import page_of
from longshore.emulator.operations.base import Handler, Request, described
from longshore.emulator.operations.plain import creating, deleting, find_name, listing
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.validation import only_members

CARD: KindName = "model-card"
_VERSIONS = "_Versions"  # of a card: what has changed from version to version, the oldest first
_OF_A_VERSION = ("Content", "ModelCardStatus", "ModelCardVersion")


def _new(_platform: Platform, request: Request) -> Record:
    _check_content(request)
    record = {"CreatedBy": {}, "LastModifiedBy": {}, **request, "ModelCardVersion": 1}
    return {**record, _VERSIONS: [_version(record)]}


def _update(platform: Platform, request: Request) -> dict[str, Any]:
    _check_content(request)
    name = find_name(platform, CARD, request["ModelCardName"])

    def change(record: Record) -> None:
        changes = {key: request[key] for key in _OF_A_VERSION if key in request}
        record.update(changes, ModelCardVersion=record["ModelCardVersion"] + 1)
        record[_VERSIONS].append(_version(record))

    platform.records.change(CARD, name, change)
    return {"ModelCardArn": platform.records.arn(CARD, name)}


def _describe(platform: Platform, request: Request) -> dict[str, Any]:
    record = platform.records.get(CARD, find_name(platform, CARD, request["ModelCardName"]))
    number = request.get("ModelCardVersion", record["ModelCardVersion"])
    for version in record[_VERSIONS]:
        if version["ModelCardVersion"] == number:
            return described("DescribeModelCard", {**record, **version})
    raise AwsError("ResourceNotFound", f"Model card {record['ModelCardName']} has no version {number}.")


def _list_versions(platform: Platform, request: Request) -> dict[str, Any]:
    record = platform.records.get(CARD, find_name(platform, CARD, request["ModelCardName"]))
    found = []
    for version in record[_VERSIONS]:
        status = version["ModelCardStatus"]
        created = version["LastModifiedTime"]
        if request.get("ModelCardStatus", status) != status:
            continue
        if request.get("CreationTimeAfter", created) <= created <= request.get("CreationTimeBefore", created):
            found.append(only_members("ModelCardVersionSummary", {**record, **version}))
    if request.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    page, following = page_of(found, request)
    return {"ModelCardVersionSummaryList": page, **following}


def _select(platform: Platform, request: Request) -> list[Record]:
    cards = platform.records.all(CARD)
    return [
        card
        for card in cards
        if request.get("ModelCardStatus", card["ModelCardStatus"]) == card["ModelCardStatus"]
    ]


def _version(record: Record) -> Record:
    return {**{key: record[key] for key in _OF_A_VERSION}, "LastModifiedTime": time.time()}


def _check_content(request: Request) -> None:
    if "Content" not in request:
        return
    try:
        json.loads(request["Content"])
    except (ValueError, RecursionError) as error:
        raise AwsError("ValidationException", f"The model card's Content is not JSON: {error}") from None


HANDLERS: dict[str, Handler] = {
    **creating(CARD, _new),
    "DescribeModelCard": _describe,
    "UpdateModelCard": _update,
    **deleting(CARD),
    **listing(CARD, "ListModelCards", _select),
    "ListModelCardVersions": _list_versions,
}
