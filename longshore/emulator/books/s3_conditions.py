"""Conditions of S3's copies, writes and deletions that moto ignores: an unmet one is a PreconditionFailed."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from werkzeug.datastructures import Headers

from longshore.aws import parse_timestamp
from longshore.emulator.books.patching import put
from longshore.emulator.books.s3_multipart import completed_by
from longshore.emulator.faults import AwsError

_SOURCE = "x-amz-copy-source-If-"  # as S3 names them in errors
_DELETED = "x-amz-if-match-"


class _Refused(str):
    """The key of an object that DeleteObjects does not delete.

    Attributes:
        reason: The error.
    """

    reason: Any


def patch(undo: ExitStack) -> None:
    """Until it is undone conditions are checked before anything is stored or deleted."""
    _check_writes(undo)
    _check_deletions(undo)
    _check_deletions_of_several(undo)


def _check_writes(undo: ExitStack) -> None:
    from moto.s3.responses import S3Response

    post: Any = S3Response._key_response_post

    def check(name: str, *checks: Any) -> None:
        known: Any = getattr(S3Response, name)

        def call(response: Any) -> Any:
            for each in checks:
                each(response)
            return known(response)

        put(undo, S3Response, name, call)

    def key_response_post(
        response: Any, request: Any, body: bytes, bucket_name: str, query: dict[str, Any], key_name: str
    ) -> Any:
        if "uploadId" in query and completed_by(response, key_name, query["uploadId"][0]) is None:
            _check_target(response)
        return post(response, request, body, bucket_name, query, key_name)

    check("put_object", _check_target)
    check("copy_object", _check_source, _check_target)
    check("upload_part_copy", _check_source)
    put(undo, S3Response, "_key_response_post", key_response_post)


def _check_target(response: Any) -> None:
    """Raise S3's error if the object to be written is not as If-Match and If-None-Match say."""
    from moto.s3.exceptions import MissingKey, PreconditionFailed

    match, none_match = (response.headers.get(name) for name in ("If-Match", "If-None-Match"))
    if match is None and none_match is None:
        return
    name = response.parse_key_name()
    key = response.backend.get_object(response.bucket_name, name)
    if none_match is not None and key is not None:  # uploads lets * pass alone
        raise PreconditionFailed("If-None-Match")
    if match is not None:
        if key is None:
            raise MissingKey(name)
        if not _matches(key, match):
            raise PreconditionFailed("If-Match")


def _check_source(response: Any) -> None:
    """Raise S3's error if the object to be copied is not as the request says.

    As in RFC 9110, a time counts only if the request has no ETag of the same kind.
    """
    from moto.s3.exceptions import PreconditionFailed

    conditions = {
        name: response.headers[_SOURCE + name]
        for name in ("Match", "None-Match", "Modified-Since", "Unmodified-Since")
        if _SOURCE + name in response.headers
    }
    if not conditions:
        return
    times = {name: _time(_SOURCE + name, text) for name, text in conditions.items() if name.endswith("Since")}
    source = urlsplit(response.headers["x-amz-copy-source"])
    bucket, _, name = unquote(source.path).lstrip("/").partition("/")
    version = parse_qs(source.query).get("versionId", [None])[0]
    key = response.backend.get_object(bucket, name, version)
    if key is None:
        return  # moto's error says more
    modified = _modified(key)
    if "Match" in conditions:
        if not _matches(key, conditions["Match"]):
            raise PreconditionFailed(_SOURCE + "Match")
    elif "Unmodified-Since" in times and modified > times["Unmodified-Since"]:
        raise PreconditionFailed(_SOURCE + "Unmodified-Since")
    if "None-Match" in conditions:
        if _matches(key, conditions["None-Match"]):
            raise PreconditionFailed(_SOURCE + "None-Match")
    elif "Modified-Since" in times and modified <= times["Modified-Since"]:
        raise PreconditionFailed(_SOURCE + "Modified-Since")


def _check_deletions(undo: ExitStack) -> None:
    from moto.s3.responses import S3Response

    known: Any = S3Response.delete_object

    def delete_object(response: Any) -> Any:
        headers = Headers(list(response.headers.items()))
        conditions = {
            "ETag": headers.get("If-Match"),
            "LastModifiedTime": headers.get(_DELETED + "last-modified-time"),
            "Size": headers.get(_DELETED + "size"),
        }
        stated = {name: text for name, text in conditions.items() if text is not None}
        _check_deletion(response.backend, response.bucket_name, response.parse_key_name(), stated)
        headers.remove("If-Match")  # moto takes * for an ETag
        response.headers = headers
        return known(response)

    put(undo, S3Response, "delete_object", delete_object)


def _check_deletions_of_several(undo: ExitStack) -> None:
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import S3Backend
    from moto.s3.responses import S3Response

    known: Any = S3Backend.delete_objects
    serialize: Any = S3Response.serialized

    def delete_objects(
        backend: Any, bucket_name: str, objects: list[dict[str, Any]], *args: Any, **rest: Any
    ) -> tuple[list[Any], list[str]]:
        deleted: list[Any] = []
        refused: list[str] = []
        for each in objects:  # one by one: a key may be named twice
            try:
                _check_deletion(backend, bucket_name, each["Key"], each)
            except (S3ClientError, AwsError) as reason:
                key = _Refused(each["Key"])
                key.reason = reason
                refused.append(key)
            else:
                done, locked = known(backend, bucket_name, [each], *args, **rest)
                deleted += done
                refused += locked
        return deleted, refused

    def serialized(response: Any, action_result: Any) -> Any:
        if response.data.get("Action") == "DeleteObjects":
            for item in action_result.result["Errors"]:
                if isinstance(item["Key"], _Refused):
                    item |= {"Code": item["Key"].reason.code, "Message": item["Key"].reason.message}
        return serialize(response, action_result)

    put(undo, S3Backend, "delete_objects", delete_objects)
    put(undo, S3Response, "serialized", serialized)


def _check_deletion(backend: Any, bucket: str, name: str, conditions: dict[str, Any]) -> None:
    """Raise S3's error if the latest version of an object is not as its deletion says.

    Args:
        conditions: By the names that DeleteObjects has for them. Others are ignored.
    """
    from moto.s3.exceptions import MissingKey, PreconditionFailed

    key = backend.get_object(bucket, name)
    if "ETag" in conditions:
        if key is None:
            raise MissingKey(name)
        if not _matches(key, conditions["ETag"] or ""):
            raise PreconditionFailed("If-Match")
    if "LastModifiedTime" in conditions:
        modified = _time("LastModifiedTime", conditions["LastModifiedTime"] or "")
        if key is not None and _modified(key) != modified:
            raise PreconditionFailed(_DELETED + "last-modified-time")
    if "Size" in conditions:
        size = conditions["Size"] or ""
        if not (size.isascii() and size.isdigit()):
            raise AwsError("InvalidArgument", f"The size of an object to be deleted is no number: {size!r}")
        if key is not None and str(key.size) != size.lstrip("0").rjust(1, "0"):
            raise PreconditionFailed(_DELETED + "size")


def _matches(key: Any, etags: str) -> bool:
    """Return whether a list of ETags has a key's. As on S3, they may lack any of their quotes."""
    return not {key.etag.strip('"'), "*"}.isdisjoint(each.strip(' "') for each in etags.split(","))


def _modified(key: Any) -> datetime:
    """Return when an object was written, in full seconds as in Last-Modified."""
    modified: datetime = key.last_modified
    return modified.replace(microsecond=0, tzinfo=UTC)


def _time(name: str, text: str) -> datetime:
    try:
        time: datetime = parse_timestamp(text)
    except (ValueError, OverflowError):
        raise AwsError("InvalidArgument", f"{name} is no time: {text!r}") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).replace(microsecond=0)
