"""One file to one object: in parts where it is large; what S3 has stored is checked against the file.

Nothing is held in memory: the bytes are read once for the sums and once more to be sent.
"""

from __future__ import annotations

import functools
import hashlib
import mimetypes
import os
from typing import Protocol

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.client import FileRange, S3Error, retry
from longshore_runtime.runners.algorithm.s3.crew import Crew, Parts
from longshore_runtime.runners.algorithm.s3.multipart import Multipart, Part
from longshore_runtime.runners.algorithm.s3.object import GONE, WRONG, Object

_MIB = 1024 * 1024
PART = 8 * _MIB  # what is larger goes in parts of this size, or more where there would be too many
_PARTS = 10_000  # S3's limit
_READ = _MIB
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


class Upload:
    """One file on its way, by the thread that calls run and those of the crew that help with its parts."""

    def __init__(self, target: Object, descriptor: int, size: int, crew: Crew) -> None:
        """size: how much of the file to store."""
        self._target = target
        self._descriptor = descriptor
        self._size = size
        self._crew = crew
        step = max(PART, -(-size // _PARTS // _MIB) * _MIB)
        self._ranges = [(offset, min(step, size - offset)) for offset in range(0, size, step)]
        # Each is set by the thread that has put it, and read when all threads have ended.
        self._parts = [Part(b"", "")] * len(self._ranges)

    def run(self) -> str:
        """Store it; returns the SHA-256 of what was stored, in hexadecimal. Raises TaskError."""
        attempt = self._in_parts if len(self._ranges) > 1 else self._whole
        try:
            return retry(attempt, self._target.what, self._crew.halt)
        except S3Error as error:
            if error.code == WRONG and attempt == self._whole:
                self._target.remove()
            message = f"{self._target.what} could not be stored in bucket {self._target.bucket!r}. {error}"
            raise TaskError(Reason.OUTPUT, message) from error

    def _whole(self) -> str:
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        self._read(0, self._size, md5, sha256)
        self._target.put(md5.digest(), self._headers(), FileRange(self._descriptor, 0, self._size))
        self._crew.count(self._size)
        return sha256.hexdigest()

    def _in_parts(self) -> str:
        """One attempt. Raises an S3Error that is retryable where the whole file has to be sent again."""
        before = _state(self._descriptor)
        try:
            with Multipart(self._target, self._headers()) as upload:
                calls = [functools.partial(self._part, upload, number) for number in range(len(self._ranges))]
                try:
                    with self._crew.offer(calls) as parts:
                        sha256 = self._sha256(parts)
                        self._crew.finish(parts)
                except S3Error as error:
                    if error.code == GONE:
                        upload.lost()
                    raise
                if _state(self._descriptor) != before:
                    sha256 = self._sha256_of_what_was_sent()
                upload.complete(self._parts, self._size)
        except S3Error as error:
            error.retryable = error.code in (GONE, WRONG)  # all other requests have been repeated before
            raise
        return sha256

    def _part(self, upload: Multipart, number: int) -> None:
        offset, length = self._ranges[number]

        def attempt() -> Part:
            md5 = hashlib.md5(usedforsecurity=False)
            self._read(offset, length, md5)
            # Where its ETag shows what S3 has of a part, S3 need not compute the MD5 once more to check it:
            # with a wrong part the upload begins anew, and nobody has seen it.
            send_md5, body = not upload.etags_tell, FileRange(self._descriptor, offset, length)
            etag, stored = self._target.put(
                md5.digest(), {}, body, upload.query(number + 1), send_md5=send_md5
            )
            self._crew.count(length)
            if stored is None and not send_md5:
                upload.etags_tell = False
                raise S3Error("S3 does not show what it has stored.", retryable=True)
            return Part(md5.digest(), etag)

        what = f"{self._target.what}, part {number + 1} of {len(self._ranges)}"
        self._parts[number] = retry(attempt, what, self._crew.halt)

    def _headers(self) -> dict[str, str]:
        return {"content-type": content_type(self._target.key)}

    def _sha256(self, parts: Parts) -> str:
        """Of the whole file, in one pass while others send it."""
        sha256 = hashlib.sha256()
        for offset, length in self._ranges:
            self._crew.check(parts)
            self._read(offset, length, sha256)
        return sha256.hexdigest()

    def _sha256_of_what_was_sent(self) -> str:
        """For a file that was written to meanwhile: what was sent must be what is there now."""
        sha256 = hashlib.sha256()
        for (offset, length), part in zip(self._ranges, self._parts, strict=True):
            md5 = hashlib.md5(usedforsecurity=False)
            self._read(offset, length, sha256, md5)
            if md5.digest() != part.md5:
                raise TaskError(Reason.OUTPUT, f"{self._target.what} was changed while it was being stored.")
        return sha256.hexdigest()

    def _read(self, offset: int, length: int, *sums: _Sum) -> None:
        end = offset + length
        buffer = memoryview(bytearray(min(_READ, length)))
        while offset < end:
            try:
                count = os.preadv(self._descriptor, [buffer[: end - offset]], offset)
            except OSError as error:
                message = f"{self._target.what} cannot be read: {error.strerror}."
                raise TaskError(Reason.OUTPUT, message) from error
            if not count:
                message = f"{self._target.what} became shorter while it was being stored."
                raise TaskError(Reason.OUTPUT, message)
            for each in sums:
                each.update(buffer[:count])
            offset += count


def content_type(name: str) -> str:
    """By a file's name alone; of what is compressed, that of the compressed form."""
    # mimetypes takes URLs, and would believe what a name like "data:..." says of itself.
    kind, compression = _types().guess_type("/" + name.rpartition("/")[2])
    if compression is not None:
        kind = _COMPRESSED.get(compression)
    return kind or "application/octet-stream"


@functools.cache
def _types() -> mimetypes.MimeTypes:
    return mimetypes.MimeTypes()  # Python's own list, not the system's: the same on every machine


class _Sum(Protocol):
    def update(self, data: memoryview, /) -> None: ...


def _state(descriptor: int) -> tuple[int, int]:
    """What changes when the file is written to."""
    status = os.fstat(descriptor)
    return status.st_mtime_ns, status.st_ctime_ns
