"""Objects of a restored state whose contents are missing: each is dropped, and the others stay."""

from __future__ import annotations

import logging
from typing import Any

_log = logging.getLogger("longshore.emulator")


def drop_objects_without_content() -> None:
    """Drop objects, versions and uploaded parts with a discarded content; log each of them."""
    from moto.s3.models import s3_backends

    everywhere: Any = s3_backends
    for _, _, backend in everywhere.iter_backends():
        for bucket in backend.buckets.values():
            for name in list(bucket.keys):
                _drop_versions(bucket, name)
            for upload in bucket.multiparts.values():
                _drop_parts(bucket, upload)


def _drop_versions(bucket: Any, name: str) -> None:
    versions = bucket.keys.getlist(name)
    kept = [each for each in versions if not _is_lost(each)]
    if len(kept) == len(versions):
        return
    for version in versions:
        if _is_lost(version):
            about = f" (version {version.version_id})" if bucket.is_versioned else ""
            _log.warning(
                "The state has lost the content of s3://%s/%s%s: the object is dropped.",
                bucket.name, name, about,
            )  # fmt: skip
    if kept:
        bucket.keys.setlist(name, kept)
    else:
        dict.pop(bucket.keys, name)  # moto's own pop() fails for delete markers


def _drop_parts(bucket: Any, upload: Any) -> None:
    for number in [number for number, part in upload.parts.items() if _is_lost(part)]:
        _log.warning(
            "The state has lost the content of part %d of an upload to s3://%s/%s: the part is dropped.",
            number, bucket.name, upload.key_name,
        )  # fmt: skip
        del upload.parts[number]
        upload.partlist.remove(number)


def _is_lost(key: Any) -> bool:
    content = getattr(key, "_value_buffer", None)  # a delete marker has none
    return content is not None and content.discarded
