"""The names in S3's answers: pages of ListObjects, and encoding-type=url for every name in every list.

moto leaves common prefixes out of the pages of ListObjects, and encodes some of the names only; clients
decode all of them.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

from longshore.emulator.books.patching import put
from longshore.emulator.books.s3_requests import ENCODING_TYPE

_LISTS = {"ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"}
_NAMES = {"Delimiter", "KeyMarker", "Marker", "NextKeyMarker", "NextMarker", "Prefix", "StartAfter"}
_NAMES_IN = {
    "Contents": "Key",
    "Versions": "Key",
    "DeleteMarkers": "Key",
    "Uploads": "Key",
    "CommonPrefixes": "Prefix",
}


def patch(undo: ExitStack) -> None:
    """Until it is undone lists are as S3's."""
    _page_common_prefixes(undo)
    _encode_names(undo)


def _page_common_prefixes(undo: ExitStack) -> None:
    from moto.s3.exceptions import InvalidContinuationToken
    from moto.s3.models import S3Backend

    all_of: Any = S3Backend.list_objects
    page_of: Any = S3Backend.list_objects_v2

    def list_objects(
        backend: Any,
        bucket: Any,
        prefix: str | None,
        delimiter: str | None,
        marker: str | None,
        max_keys: int | None,
    ) -> tuple[list[Any], list[str], bool, str | None]:
        keys, folders, _, _ = all_of(backend, bucket, prefix, delimiter, marker=None, max_keys=None)
        if max_keys is None:
            return keys, folders, False, None
        entries = sorted([*keys, *folders], key=backend._get_name)
        entries = [entry for entry in entries if not marker or backend._get_name(entry) > marker]
        page = entries[:max_keys]
        truncated = 0 < len(page) < len(entries)
        return (
            [entry for entry in page if not isinstance(entry, str)],
            [entry for entry in page if isinstance(entry, str)],
            truncated,
            backend._get_name(page[-1]) if truncated else None,
        )

    def list_objects_v2(backend: Any, *, continuation_token: str | None, **rest: Any) -> Any:
        if continuation_token and continuation_token not in backend._pagination_tokens:
            raise InvalidContinuationToken
        return page_of(backend, continuation_token=continuation_token, **rest)

    put(undo, S3Backend, "list_objects", list_objects)
    put(undo, S3Backend, "list_objects_v2", list_objects_v2)


def _encode_names(undo: ExitStack) -> None:
    from moto.s3.responses import S3Response

    known: Any = S3Response.serialized

    def serialized(response: Any, action_result: Any) -> Any:
        result = action_result.result
        if (
            response.data.get("Action") in _LISTS
            and isinstance(result, dict)
            and response.request.environ.get(ENCODING_TYPE) == "url"
        ):
            _encode(result)
        status, headers, body = known(response, action_result)
        if isinstance(result, dict) and response.data.get("Action") != "SelectObjectContent":
            # XML parsers read a bare carriage return as a line feed.
            body = body.replace("\r", "&#13;") if isinstance(body, str) else body.replace(b"\r", b"&#13;")
        return status, headers, body

    put(undo, S3Response, "serialized", serialized)


def _encode(result: dict[str, Any]) -> None:
    result["EncodingType"] = "url"
    for name in _NAMES & result.keys():
        result[name] = quote(result[name] or "")
    for name, member in _NAMES_IN.items():
        for item in result.get(name, []):
            item[member] = quote(item[member])
