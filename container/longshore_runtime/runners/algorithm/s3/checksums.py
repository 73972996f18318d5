"""What an object's bytes must come to, by what S3 says about them.

S3 keeps a checksum of its own choice or the uploader's with newer objects, and an ETag with all of them,
which is an MD5 more often than not: of the bytes, or of the MD5s of the parts an object was uploaded in
("...-7"). It is anything at all where the object is encrypted with keys of KMS or the customer's own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

_ALGORITHMS = ("sha256", "sha1", "crc32")  # of S3's checksums those that need nothing beyond the library


@dataclass(frozen=True, slots=True)
class Checksum:
    """algorithm and digest; part_size: None where the digest is of the bytes themselves, else that of
    every part but the last, and the digest is of the parts' digests."""

    algorithm: str
    digest: bytes
    part_size: int | None = None


def of_whole(headers: Mapping[str, str]) -> Checksum | None:
    """The checksum of the whole object that S3 sends where x-amz-checksum-mode asks for it."""
    for algorithm in _ALGORITHMS:
        text = headers.get(f"x-amz-checksum-{algorithm}", "")
        try:
            digest = base64.b64decode(text, validate=True)
        except binascii.Error:  # "...-7" too: made of the parts' checksums
            continue
        if digest:
            return Checksum(algorithm, digest)
    return None


def of_etag(headers: Mapping[str, str]) -> tuple[bytes, int] | None:
    """The MD5 that the ETag is, and of how many parts' MD5s; 0 where it is of the bytes themselves."""
    if headers.get("x-amz-server-side-encryption", "").startswith("aws:kms"):
        return None
    if "x-amz-server-side-encryption-customer-algorithm" in headers:
        return None
    # A proxy that compresses marks the ETag as weak: then the bytes must come to it all the same.
    found = re.fullmatch('(?:W/)?"?([0-9a-f]{32})(?:-([1-9][0-9]{0,4}))?"?', headers.get("etag", ""))
    return (bytes.fromhex(found[1]), int(found[2] or 0)) if found else None


class Check:
    """Takes an object's bytes in order; then tells whether they come to the checksum."""

    def __init__(self, checksum: Checksum) -> None:
        self._checksum = checksum
        self._hash = _new(checksum.algorithm)
        self._of_parts = _new(checksum.algorithm)
        self._left = checksum.part_size or 0  # of the present part

    def update(self, data: memoryview) -> None:
        if self._checksum.part_size is None:
            self._hash.update(data)
            return
        while data:
            piece, data = data[: self._left], data[self._left :]
            self._hash.update(piece)
            self._left -= len(piece)
            if not self._left:
                self._end_part()

    def matches(self) -> bool:
        """To be asked once, at the end."""
        if self._checksum.part_size is None:
            return self._hash.digest() == self._checksum.digest
        if self._left < self._checksum.part_size:
            self._end_part()
        return self._of_parts.digest() == self._checksum.digest

    def _end_part(self) -> None:
        self._of_parts.update(self._hash.digest())
        self._hash = _new(self._checksum.algorithm)
        self._left = self._checksum.part_size or 0


class _Hash(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def _new(algorithm: str) -> _Hash:
    return _Crc32() if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)
