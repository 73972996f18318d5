"""One object to one file: in parts where it is large, all of one version, and checked before it has its name.

The first request asks for the first part without knowing the size: of most objects that is all. The
thread that begins an object stays with it: it checks the bytes in order as they arrive, and fetches
parts itself while there is nothing to check. Other threads help with the parts.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.budget import Budget
from longshore_runtime.runners.algorithm.s3.checksums import Check, Checksum, of_etag, of_whole
from longshore_runtime.runners.algorithm.s3.client import S3, Response, S3Error, retry
from longshore_runtime.runners.algorithm.s3.crew import Crew
from longshore_runtime.runners.algorithm.s3.failures import FOREIGN

_log = logs.get("task")

_PART = 8 * 1024 * 1024
_READ = 256 * 1024


@dataclass(frozen=True)
class Wanted:
    """An object, the file it becomes (an absolute path, its folder exists), and what the user calls it."""

    bucket: str
    key: str
    path: Path
    name: str


class Download:
    """One object on its way, by the thread that calls run and those of the crew that help with its parts."""

    def __init__(self, s3: S3, wanted: Wanted, crew: Crew, budget: Budget) -> None:
        self._s3 = s3
        self._wanted = wanted
        self._crew = crew
        self._budget = budget
        self._what = f"Input {wanted.name!r}"
        self._etag: str | None = None  # of the present attempt

    def run(self) -> int:
        """Fetch the object; returns its size. Raises TaskError, and OSError for what nobody foresaw."""
        try:
            return retry(self._attempt, self._what, self._crew.halt)
        except S3Error as error:
            raise self._explained(error) from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise TaskError(Reason.DISK, f"{self._what}: the disk is full.") from error
            if error.errno in (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EFBIG):
                message = f"{self._what}: the file cannot be written: {error.strerror}."
                raise TaskError(Reason.INPUT, message) from error
            raise

    def _attempt(self) -> int:
        path = os.fspath(self._wanted.path)
        temporary = f"{os.path.dirname(path)}/.fetch-{secrets.token_hex(8)}"  # noqa: PTH120 (pathlib takes longer)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o666)
        try:
            size = self._fill(descriptor)
            os.rename(temporary, path)  # noqa: PTH104
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            raise
        finally:
            os.close(descriptor)
        return size

    def _fill(self, descriptor: int) -> int:
        """Bring the whole object into the file, and check it; returns its size."""
        first, received = self._first(descriptor)
        self._etag = first.headers.get("etag")
        size = _total(first, received)
        self._budget.expect(self, size, size - received, self._wanted.path.parent)
        ranges = [(offset, min(_PART, size - offset)) for offset in range(received, size, _PART)]
        calls = [functools.partial(self._fetch_part, descriptor, *each, size) for each in ranges]
        with self._crew.offer(calls) as parts:
            checksum = self._checksum(first.headers, whole=received == size, size=size)
            check = Check(checksum) if checksum is not None else None
            if check is not None:
                _read(descriptor, 0, received, check)
            for number, (offset, length) in enumerate(ranges):
                self._crew.help(parts, number)
                if check is not None:
                    _read(descriptor, offset, length, check)
        if checksum is None or check is None:
            _log.debug("%s: S3 has no checksum that can be checked.", self._what)
        elif check.matches():
            _log.debug("%s: checked by its %s.", self._what, checksum.algorithm)
        elif checksum.part_size is not None and self._has_odd_parts(checksum.part_size, size):
            _log.debug("%s: its parts differ in size, so its ETag cannot be checked.", self._what)
        else:
            encoding = first.headers.get("content-encoding", "")
            hint = f" It came with Content-Encoding {encoding[:40]!r}." if encoding else ""
            message = f"What arrived does not have the object's checksum.{hint}"
            raise S3Error(message, retryable=True)
        return size

    def _first(self, descriptor: int) -> tuple[Response, int]:
        """Fetch the first part, which of a small object is the whole; returns the answer and its length."""
        headers = {"range": f"bytes=0-{_PART - 1}", "x-amz-checksum-mode": "ENABLED"}
        written = 0

        def sink(data: memoryview) -> None:
            nonlocal written
            self._budget.check(self, written + len(data))  # some servers send all, whatever the range
            _write(descriptor, data, written)
            written += len(data)
            self._crew.count(len(data))

        try:
            response = self._request("GET", headers, sink=sink)
        except S3Error as error:
            if error.status != 416:  # no range is right for an empty object
                raise
            del headers["range"]
            response = self._request("GET", headers, sink=sink)
        return response, written

    def _fetch_part(self, descriptor: int, offset: int, length: int, size: int) -> None:
        what = f"{self._what}, from byte {offset} on"
        try:
            retry(lambda: self._part(descriptor, offset, length, size), what, self._crew.halt)
        except S3Error as error:
            if error.status == 412:
                raise S3Error("The object changed while it was read.", retryable=True) from error
            raise self._explained(error) from error
        self._budget.arrived(self, length)

    def _part(self, descriptor: int, offset: int, length: int, size: int) -> None:
        headers = {"range": f"bytes={offset}-{offset + length - 1}", **self._same_version()}
        written = 0

        def sink(data: memoryview) -> None:
            nonlocal written
            if written + len(data) > length:
                raise S3Error("S3 sent more than was asked for.", retryable=True)
            _write(descriptor, data, offset + written)
            written += len(data)
            self._crew.count(len(data))

        response = self._request("GET", headers, sink=sink)
        if response.headers.get("etag") != self._etag:
            raise S3Error("The object changed.", status=412)  # where a server does not look at if-match
        wanted = f"bytes {offset}-{offset + length - 1}/{size}"
        if written != length or response.headers.get("content-range") != wanted:
            raise S3Error("S3 sent another part than was asked for.", retryable=True)

    def _checksum(self, headers: Mapping[str, str], *, whole: bool, size: int) -> Checksum | None:
        """The best that S3 has for this object. whole: the headers are those of an answer with all of it."""
        if whole and (checksum := of_whole(headers)) is not None:
            return checksum
        etag = of_etag(headers)
        if etag is not None and etag[1] == 0:
            return Checksum("md5", etag[0])
        if (checksum := of_whole(self._head({}, {"x-amz-checksum-mode": "ENABLED"}))) is not None:
            return checksum
        if etag is None:
            return None
        part_size = self._size_of_part(1, etag[1])
        if not part_size or -(-size // part_size) != etag[1]:
            return None
        return Checksum("md5", etag[0], part_size)

    def _has_odd_parts(self, part_size: int, size: int) -> bool:
        """Whether the parts an object was uploaded in are not, all but the last, of this size."""
        count = -(-size // part_size)
        return any(self._size_of_part(number, count) != part_size for number in range(2, count))

    def _size_of_part(self, number: int, count: int) -> int:
        """0 where the server does not know of these parts."""
        headers = self._head({"partNumber": str(number)}, {})
        length = headers.get("content-length", "")
        return int(length) if headers.get("x-amz-mp-parts-count") == str(count) and length.isdigit() else 0

    def _head(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers of a HEAD, none where it is refused: then there is less to check, and no more.

        Where the object changed meanwhile they are of another version: then the checksum will not match.
        """
        halt = self._crew.halt
        try:
            return retry(lambda: self._request("HEAD", headers, query=query), self._what, halt).headers
        except S3Error as error:
            if error.retryable:
                raise
            return {}

    def _same_version(self) -> dict[str, str]:
        etag = self._etag
        return {} if etag is None or etag.startswith("W/") else {"if-match": etag}

    def _request(
        self,
        method: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        sink: Callable[[memoryview], None] | None = None,
    ) -> Response:
        bucket, key, halt = self._wanted.bucket, self._wanted.key, self._crew.halt
        return self._s3.request(method, bucket, key, query=query, headers=headers, sink=sink, stop=halt)

    def _explained(self, error: S3Error) -> TaskError:
        bucket, key = self._wanted.bucket, self._wanted.key
        if error.code == "NoSuchBucket":
            why = f"there is no bucket {bucket!r}."
        elif error.status == 404 and error.code != FOREIGN:
            why = f"there is no object {key!r} in bucket {bucket!r}."
        elif error.code == "InvalidObjectState":
            why = f"object {key!r} in bucket {bucket!r} is archived: restore it first."
        elif error.code in ("AccessDenied", "AllAccessDisabled"):
            why = f"access to object {key!r} in bucket {bucket!r} is denied, or there is none."
        else:
            why = f"object {key!r} in bucket {bucket!r} could not be fetched: {error}"
        return TaskError(Reason.INPUT, f"{self._what}: {why}")


def _total(response: Response, received: int) -> int:
    """The size of the object that this answer is the beginning of."""
    text = response.headers.get("content-range")
    if text is None:  # it is all of it
        return received
    found = re.fullmatch(r"bytes 0-(\d{1,15})/(\d{1,15})", text)
    if found is None or int(found[1]) + 1 != received or int(found[2]) < received:
        raise S3Error("S3 sent another part than was asked for.", retryable=True)
    return int(found[2])


def _write(descriptor: int, data: memoryview, offset: int) -> None:
    while data:
        count = os.pwrite(descriptor, data, offset)
        data, offset = data[count:], offset + count


def _read(descriptor: int, offset: int, length: int, check: Check) -> None:
    buffer = memoryview(bytearray(min(length, _READ)))
    end = offset + length
    while offset < end:
        count = os.preadv(descriptor, [buffer[: end - offset]], offset)
        if not count:
            raise OSError(errno.EIO, "a file that is being fetched was cut")
        check.update(buffer[:count])
        offset += count
