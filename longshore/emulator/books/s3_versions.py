"""Versions of S3's objects in buckets whose versioning is suspended: all but the null version stay."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

from longshore.emulator.books.patching import put

_NULL = "null"


class _Thread(threading.local):
    """What a thread is doing.

    Attributes:
        needs_enabled: Whether it runs code of moto's for which a suspended bucket has no versioning.
    """

    needs_enabled = False


def patch(undo: ExitStack) -> None:
    """Until it is undone a bucket keeps its versions while its versioning is suspended.

    moto knows buckets with and without versioning. To most of its code a suspended bucket is one with:
    versions are read and deleted as before. New objects and delete markers are null versions, however.
    """
    from moto.s3.exceptions import VersioningNotEnabledForReplication
    from moto.s3.models import FakeBucket, S3Backend
    from moto.s3.utils import _VersionedKeyStore

    thread = _Thread()
    set_versions: Any = _VersionedKeyStore.setlist
    mark: Any = S3Backend._set_delete_marker
    replicate: Any = S3Backend.put_bucket_replication

    def is_versioned(bucket: Any) -> bool:
        return bucket.versioning_status == "Enabled" or (
            bucket.versioning_status == "Suspended" and not thread.needs_enabled
        )

    def need_enabled(name: str) -> None:
        known: Any = getattr(S3Backend, name)

        def call(backend: Any, *args: Any, **rest: Any) -> Any:
            thread.needs_enabled = True
            try:
                return known(backend, *args, **rest)
            finally:
                thread.needs_enabled = False

        put(undo, S3Backend, name, call)

    def setlist(keys: Any, name: str, versions: list[Any]) -> None:
        existing = keys.getlist(name, [])
        if len(versions) == 1 and versions[0] not in existing and versions[0].version_id == _NULL:
            versions = [each for each in existing if each.version_id != _NULL] + versions
        set_versions(keys, name, versions)

    def set_delete_marker(backend: Any, bucket_name: str, key_name: str) -> Any:
        marker = mark(backend, bucket_name, key_name)
        bucket = backend.get_bucket(bucket_name)
        if bucket.versioning_status == "Suspended":
            kept = [each for each in bucket.keys.getlist(key_name) if each.version_id != _NULL]
            bucket.keys.setlist(key_name, kept)
            marker._version_id = _NULL
        return marker

    def put_bucket_replication(backend: Any, bucket_name: str, replication: Any) -> None:
        if backend.get_bucket(bucket_name).versioning_status != "Enabled":
            raise VersioningNotEnabledForReplication(bucket_name=bucket_name)
        replicate(backend, bucket_name, replication)

    put(undo, FakeBucket, "is_versioned", property(is_versioned))
    put(undo, _VersionedKeyStore, "setlist", setlist)
    put(undo, S3Backend, "_set_delete_marker", set_delete_marker)
    put(undo, S3Backend, "put_bucket_replication", put_bucket_replication)
    need_enabled("put_object")
    need_enabled("put_object_lock_configuration")
