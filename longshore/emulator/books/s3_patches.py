"""What replaces parts of moto's S3: objects are files, copies and parts are made without loading them, and a
request for something that is not there gets S3's error.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from longshore.emulator.books import checksums, s3_conditions, s3_lists, s3_multipart, s3_versions
from longshore.emulator.books.objects import Content, Shelf
from longshore.emulator.books.patching import put
from longshore.emulator.books.s3_requests import COPY_ALGORITHM


def keep_on(shelf: Shelf, undo: ExitStack) -> None:
    """Until it is undone moto's objects are on this shelf, and none of them is in memory as a whole."""
    _keep_contents(shelf, undo)
    _copy_files(shelf, undo)
    _state_checksums(undo)
    _report_what_is_missing(undo)
    s3_multipart.patch(shelf, undo)
    s3_lists.patch(undo)
    s3_versions.patch(undo)
    s3_conditions.patch(undo)


def _keep_contents(shelf: Shelf, undo: ExitStack) -> None:
    from moto.s3 import models as real
    from moto.s3.utils import _VersionedKeyStore

    models: Any = real

    class _Files:
        @staticmethod
        def SpooledTemporaryFile(*_: Any, **__: Any) -> Content:
            return shelf.new()

    def get_state(key: Any) -> dict[str, Any]:
        # moto holds on to keys that it has disposed of: parts of completed uploads, keys of delete markers.
        content = key._value_buffer
        state = {**key.__dict__, "_value_buffer": None if content.discarded else content.number}
        del state["lock"]
        return state

    def set_state(key: Any, state: dict[str, Any]) -> None:
        key.__dict__.update(state)
        key._value_buffer = shelf.restored(state["_value_buffer"])
        key.lock = threading.Lock()

    def set_value(key: Any, value: bytes | str | Path) -> None:
        key._value_buffer.seek(0)
        key.contentsize = key._value_buffer.write(value.encode() if isinstance(value, str) else value)

    def etag(key: Any) -> str:
        # By a stream of its own: several threads may ask at once, and moto's reads share one position.
        if key._etag is None:
            key._etag = key._value_buffer.md5
        if key._etag is None:
            with key._value_buffer.open() as content:
                key._etag = hashlib.file_digest(
                    content, lambda: hashlib.md5(usedforsecurity=False)
                ).hexdigest()
        return f'"{key._etag}"'

    put(undo, models.FakeKey, "value", property(models.FakeKey.value.fget, set_value))
    put(undo, models.FakeKey, "etag", property(etag))
    put(undo, models.FakeKey, "__getstate__", get_state)
    put(undo, models.FakeKey, "__setstate__", set_state)
    # By default a dictionary is pickled by its items(), and moto's have the latest versions alone.
    put(undo, _VersionedKeyStore, "__reduce__", lambda keys: (_key_store, (dict(keys.iterlists()),)))
    put(undo, models, "tempfile", _Files)


def _key_store(versions: dict[str, list[Any]]) -> Any:
    """Return moto's dictionary of keys with these versions of each."""
    from moto.s3.utils import _VersionedKeyStore

    keys = _VersionedKeyStore()
    dict.update(keys, versions)
    return keys


class _Linked:
    """A key whose value is a file, for moto to store as another key's."""

    def __init__(self, key: Any, value: Path) -> None:
        self._key = key
        self.value = value
        self.multipart = None  # a copy has no parts; the source's go with the source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._key, name)


def _copy_files(shelf: Shelf, undo: ExitStack) -> None:
    """CopyObject without moto's copy in memory. A copy's checksum is of the whole object, as on S3."""
    from moto.s3.models import S3Backend

    known: Any = S3Backend.copy_object

    def copy_object(
        backend: Any, src_key: Any, dest_bucket_name: str, dest_key_name: str, *args: Any, **rest: Any
    ) -> None:
        path = shelf.link(src_key._value_buffer)
        try:
            known(backend, _Linked(src_key, path), dest_bucket_name, dest_key_name, *args, **rest)
        finally:
            path.unlink(missing_ok=True)
        key = backend.get_object(dest_bucket_name, dest_key_name)
        composite = src_key.checksum_value and src_key.checksum_type == "COMPOSITE"
        algorithm = _algorithm_of_copy() or (src_key.checksum_algorithm if composite else None)
        if algorithm:
            checksum = checksums.file_checksum(algorithm, key._value_buffer.path)
            key.checksum_algorithm, key.checksum_value = checksum

    put(undo, S3Backend, "copy_object", copy_object)


def _algorithm_of_copy() -> str | None:
    from flask import has_request_context, request

    algorithm: str | None = request.environ.get(COPY_ALGORITHM) if has_request_context() else None
    return algorithm


def _state_checksums(undo: ExitStack) -> None:
    """Answers of PutObject and HeadObject say of what a checksum is, and of how many parts."""
    from moto.s3.responses import S3Response

    head: Any = S3Response.head_object
    put_known: Any = S3Response.put_object

    def head_object(
        response: Any, bucket_name: str, query: Any, key_name: str, headers: Any
    ) -> tuple[int, dict[str, Any], Any]:
        status, answered, body = head(response, bucket_name, query, key_name, headers)
        stated = checksums.header_of(answered)
        if stated:
            version = query.get("versionId", [None])[0]
            key = response.backend.get_object(bucket_name, key_name, version)
            composite = key.checksum_type == "COMPOSITE" and "partNumber" not in query
            if composite:
                answered[stated] = f"{answered[stated]}-{key.checksum_parts}"
            answered["x-amz-checksum-type"] = "COMPOSITE" if composite else "FULL_OBJECT"
        return status, answered, body

    def put_object(response: Any) -> tuple[int, dict[str, Any], Any]:
        status, answered, body = put_known(response)
        if checksums.header_of(answered):
            answered["x-amz-checksum-type"] = "FULL_OBJECT"
        return status, answered, body

    put(undo, S3Response, "head_object", head_object)
    put(undo, S3Response, "put_object", put_object)


def _report_what_is_missing(undo: ExitStack) -> None:
    """Raise NoSuchKey or NoSuchUpload where moto trips over what is not there."""
    from moto.s3.exceptions import MissingKey
    from moto.s3.models import S3Backend
    from moto.s3.responses import S3Response

    copy_part: Any = S3Response.upload_part_copy

    def upload_part_copy(response: Any) -> tuple[int, dict[str, Any], Any]:
        answer: tuple[int, dict[str, Any], Any] = copy_part(response)
        if answer[0] == 404:
            raise MissingKey(response.headers["x-amz-copy-source"])
        return answer

    put(undo, S3Response, "upload_part_copy", upload_part_copy)

    def require_key(name: str) -> None:
        known: Any = getattr(S3Backend, name)

        def checked(backend: Any, bucket_name: str, key_name: str, *args: Any, **rest: Any) -> Any:
            if backend.get_object(bucket_name, key_name, rest.get("version_id")) is None:
                raise MissingKey(key_name)
            return known(backend, bucket_name, key_name, *args, **rest)

        put(undo, S3Backend, name, checked)

    for name in ("delete_object_tagging", "put_object_acl", "restore_object", "select_object_content"):
        require_key(name)
