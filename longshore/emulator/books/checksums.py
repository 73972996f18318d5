"""The checksums of S3: computed while a body passes, and compared with what the client states."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from longshore.emulator.faults import AwsError

_BLOCK = 1 << 20
HEADER = "HTTP_X_AMZ_CHECKSUM_"
SDK_ALGORITHM = "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"


class Digest(Protocol):
    """What hashlib's objects have, as far as it is needed."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""
        ...


class _Crc:
    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _XxHash:
    def __init__(self, hasher: Any) -> None:
        self._hasher = hasher

    def update(self, data: bytes) -> None:
        self._hasher.update(data)

    def digest(self) -> bytes:
        return bytes(self._hasher.finalize())


def _native(name: str, size: int) -> _Crc:
    from awscrt import checksums  # loads a library of megabytes: only if a client uses one of them

    return _Crc(getattr(checksums, name), size)


def _xxhash(name: str) -> _XxHash:
    from awscrt import checksums

    return _XxHash(getattr(checksums.XXHash, f"new_{name}")())


# By the names of S3's ChecksumAlgorithm: a new digest, and its size in bytes.
ALGORITHMS: dict[str, tuple[Callable[[], Digest], int]] = {
    "CRC32": (lambda: _Crc(zlib.crc32, 4), 4),
    "CRC32C": (lambda: _native("crc32c", 4), 4),
    "CRC64NVME": (lambda: _native("crc64nvme", 8), 8),
    "SHA1": (lambda: hashlib.sha1(usedforsecurity=False), 20),
    "SHA256": (hashlib.sha256, 32),
    "SHA512": (hashlib.sha512, 64),
    "MD5": (lambda: hashlib.md5(usedforsecurity=False), 16),
    "XXHASH64": (lambda: _xxhash("xxhash64"), 8),
    "XXHASH3": (lambda: _xxhash("xxhash3_64"), 8),
    "XXHASH128": (lambda: _xxhash("xxhash3_128"), 16),
}


class Checksum(NamedTuple):
    """An algorithm's name, and a digest in Base64."""

    algorithm: str
    value: str


def new(algorithm: str) -> Digest:
    """Return a digest without bytes."""
    return ALGORITHMS[algorithm][0]()


def encode(digest: bytes) -> str:
    """Return a digest as headers carry it."""
    return base64.b64encode(digest).decode()


def checksum_of(algorithm: str, blocks: Iterable[bytes]) -> Checksum:
    """Return the checksum of all blocks together."""
    digest = new(algorithm)
    for block in blocks:
        digest.update(block)
    return Checksum(algorithm, encode(digest.digest()))


def file_checksum(algorithm: str, path: Path) -> Checksum:
    """Return the checksum of a file, which is read in blocks."""
    with path.open("rb") as file:
        return checksum_of(algorithm, iter(lambda: file.read(_BLOCK), b""))


def known(algorithm: str) -> str:
    """Return an algorithm's name in upper case. Raises AwsError if S3 has none of this name."""
    if algorithm.upper() not in ALGORITHMS:
        raise AwsError(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(ALGORITHMS)}]",
        )
    return algorithm.upper()


def stated_in(environ: Mapping[str, Any]) -> Checksum | None:
    """Return the checksum of a request's headers.

    Raises:
        AwsError: if there is more than one, if it cannot be one of its algorithm, or if
            x-amz-sdk-checksum-algorithm names another.
    """
    found = [name for name in ALGORITHMS if HEADER + name in environ]
    if len(found) > 1:
        raise AwsError(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    if not found:
        return None
    named = environ.get(SDK_ALGORITHM)
    if named and known(named) != found[0]:
        raise AwsError("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    return stated(found[0], environ[HEADER + found[0]])


def stated(algorithm: str, value: str) -> Checksum:
    """Return a client's checksum. Raises AwsError if it cannot be one of this algorithm."""
    if _decoded_size(value) != ALGORITHMS[algorithm][1]:
        raise AwsError("InvalidRequest", f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.")
    return Checksum(algorithm, value)


def stated_md5(environ: Mapping[str, Any]) -> str | None:
    """Return a request's Content-MD5. Raises AwsError if it is no MD5 in Base64."""
    value: str | None = environ.get("HTTP_CONTENT_MD5")
    if value is not None and _decoded_size(value) != 16:
        raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.")
    return value


def header_of(answer: Mapping[str, Any]) -> str | None:
    """Return the name of the header that has an answer's checksum."""
    names = {f"x-amz-checksum-{name.lower()}" for name in ALGORITHMS}
    return next((name for name in answer if name.lower() in names), None)


def mismatch(algorithm: str) -> AwsError:
    """Return the error for a body that has another checksum than the client states."""
    return AwsError("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")


def _decoded_size(value: str) -> int:
    try:
        return len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return -1
