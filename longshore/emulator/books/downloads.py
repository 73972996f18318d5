"""GetObject as a stream: moto reads the whole object for each of the many ranges of a download."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from longshore.emulator.books import s3_requests
from longshore.emulator.books.s3_requests import S3Request
from longshore.emulator.books.uploads import refuse
from longshore.emulator.faults import AwsError

if TYPE_CHECKING:
    from longshore.emulator.books import Books

_ATTEMPTS = 100  # an object may be replaced while it is read
_BLOCK = 1 << 18
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_MOST_DIGITS = 18  # of a position; int() takes no more than 4300
_OVERRIDES = {
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-content-type": "Content-Type",
    "response-expires": "Expires",
}
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")


class Downloads:
    """Answers a GET or HEAD of an object; returns None for all others, and for those that are refused."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes] | None:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        try:
            request = s3_requests.parse(environ)
            if request is None or not request.is_about_content or "uploadId" in request.query:
                return None
            return self._answer(request, environ, start_response)
        except AwsError as error:
            return refuse(error, environ, start_response)

    def _answer(
        self, request: S3Request, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes] | None:
        version = request.query.get("versionId")
        for _ in range(_ATTEMPTS):
            content = self._books.content(request.bucket, request.key, version)
            if content is None:
                return None
            status, headers = self._head(environ)
            if status != 200 or (request.method == "GET" and _is_archived(headers)):
                return None
            with suppress(FileNotFoundError):  # it has just been replaced
                stream = content.open()
                if content is self._books.content(request.bucket, request.key, version):
                    break  # the headers are this content's
                stream.close()
        else:
            return None
        try:
            size = stream.seek(0, 2)
            parts = self._books.part_sizes(request.bucket, request.key, version)
            span = _span(environ.get("HTTP_RANGE", ""), request.query.get("partNumber"), size, parts)
            changed = _overrides(request.query)
        except BaseException:
            stream.close()
            raise
        start, end = span or (0, size)
        changed["Content-Length"] = str(end - start)
        if span:
            changed["Content-Range"] = f"bytes {start}-{end - 1}/{size}" if size else "bytes 0-0/0"
            if parts and "partNumber" in request.query:
                changed["x-amz-mp-parts-count"] = str(len(parts))
        dropped = {name.lower() for name in changed}
        # The checksum that is kept is the whole object's.
        prefixes = ("x-amz-checksum-",) if end - start < size else ()
        headers = [
            (name, value)
            for name, value in headers
            if name.lower() not in dropped and not name.lower().startswith(prefixes)
        ]
        start_response("206 Partial Content" if span else "200 OK", [*headers, *changed.items()])
        if request.method == "HEAD":
            stream.close()
            return [b""]
        return _blocks(stream, start, end)

    def _head(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]]]:
        """Ask moto for the headers of the whole object."""
        told: list[Any] = [500, []]

        def keep(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            told[:] = [int(status[:3]), headers]

        asked = {name: value for name, value in environ.items() if name != "HTTP_RANGE"}
        path = asked["REQUEST_URI"].partition("?")[0]
        query = "&".join(
            part for part in asked.get("QUERY_STRING", "").split("&") if not part.startswith("partNumber=")
        )
        asked |= {"REQUEST_METHOD": "HEAD", "QUERY_STRING": query, "REQUEST_URI": f"{path}?{query}"}
        answer = self._books.application(asked, keep)
        if hasattr(answer, "close"):
            answer.close()
        return told[0], told[1]


def _is_archived(headers: list[tuple[str, str]]) -> bool:
    """Return whether an object has to be restored before it is read, from the answer to its HEAD."""
    found = {name.lower(): value for name, value in headers}
    restored = 'ongoing-request="false"' in found.get("x-amz-restore", "")
    return found.get("x-amz-storage-class") in _ARCHIVES and not restored


def _span(header: str, part: str | None, size: int, parts: list[int]) -> tuple[int, int] | None:
    """Return the first byte that is asked for, and the one after the last; None for the whole object.

    Raises:
        AwsError: if there are no such bytes, or no such part.
    """
    if part is not None:
        if header:
            raise AwsError(
                "InvalidRequest", "Cannot specify both Range header and partNumber query parameter"
            )
        return _span_of_part(part, parts or [size])
    asked = _RANGE.fullmatch(header.strip())
    if asked is None or asked[1] == asked[2] == "":
        return None
    first, last = _position(asked[1]), _position(asked[2])
    if not asked[1]:
        start, end = max(0, size - last), size
    else:
        start, end = first, min(size, last + 1 if asked[2] else size)
        if asked[2] and last < first:
            return None  # malformed: S3 ignores it
    if start >= end:
        raise AwsError(
            "InvalidRange",
            "The requested range is not satisfiable",
            416,
            RangeRequested=header,
            ActualObjectSize=size,
        )
    return start, end


def _position(digits: str) -> int:
    """Return a number of bytes; one that is larger than any object's size if it has too many digits."""
    digits = digits.lstrip("0")
    return int(digits or 0) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _span_of_part(part: str, parts: list[int]) -> tuple[int, int]:
    if not re.fullmatch("[0-9]{1,5}", part) or not 1 <= int(part) <= 10_000:
        raise AwsError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    number = int(part)
    if number > len(parts):
        raise AwsError(
            "InvalidPartNumber",
            "The requested partnumber is not satisfiable",
            416,
            PartNumberRequested=number,
            ActualPartCount=len(parts),
        )
    start = sum(parts[: number - 1])
    return start, start + parts[number - 1]


def _overrides(query: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that response-* parameters ask for. Raises AwsError if one has no valid value."""
    found = {}
    for parameter, name in _OVERRIDES.items():
        value = query.get(parameter)
        if value is None:
            continue
        if not value.isprintable() or not all(ord(character) < 256 for character in value):
            raise AwsError(
                "InvalidArgument", f"{parameter}: header value cannot be represented using ISO-8859-1."
            )
        found[name] = value
    return found


def _blocks(stream: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    with stream:
        stream.seek(start)
        left = end - start
        while left > 0:
            block = stream.read(min(_BLOCK, left))
            if not block:
                return
            left -= len(block)
            yield block
