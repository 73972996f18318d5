"""S3's rules for the names of new general purpose buckets. moto checks their length alone."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

from longshore.emulator.books.patching import put
from longshore.emulator.faults import AwsError

_LENGTH = range(3, 64)
_CHARACTERS = re.compile(r"[a-z0-9.-]*")
_ENDS = re.compile(r"[a-z0-9](.*[a-z0-9])?")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def refuse_invalid_names(undo: ExitStack) -> None:
    """Until it is undone CreateBucket refuses names that S3 refuses."""
    from moto.s3.models import S3Backend

    known: Any = S3Backend.create_bucket

    def create_bucket(backend: Any, bucket_name: str, *args: Any, **rest: Any) -> Any:
        reason = invalid_because(bucket_name)
        if reason:
            raise AwsError(
                "InvalidBucketName",
                f"The specified bucket is not valid: {reason}.",
                BucketName=bucket_name,
            )
        return known(backend, bucket_name, *args, **rest)

    put(undo, S3Backend, "create_bucket", create_bucket)


def invalid_because(name: str) -> str | None:
    """Return why S3 refuses a bucket's name; None for a valid one."""
    if len(name) not in _LENGTH:
        return f"its name has {len(name)} characters, not 3 to 63"
    if not _CHARACTERS.fullmatch(name):
        return "its name may have lowercase letters, digits, periods and hyphens only"
    if not _ENDS.fullmatch(name):
        return "its name must begin and end with a letter or a digit"
    if ".." in name:
        return "its name has two periods next to each other"
    if _ADDRESS.fullmatch(name):
        return "its name looks like an IP address"
    reserved = [each for each in _PREFIXES if name.startswith(each)]
    reserved += [each for each in _SUFFIXES if name.endswith(each)]
    return f"{reserved[0]} is reserved in names" if reserved else None
