"""GetObject as a stream: moto reads the whole object for each of the many ranges of a download."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from longshore.emulator.books import Books

_BLOCK = 1 << 18
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
# Queries that leave a GET the download of an object. Those of a presigned URL begin with X-Amz-.
_HARMLESS = {"versionId", "x-id", "AWSAccessKeyId", "Signature", "Expires"}


class Downloads:
    """Answers a GET of an object, or returns None where it is anything else, or would be refused."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes] | None:
        if environ["REQUEST_METHOD"] != "GET" or "/s3/" not in environ.get("HTTP_AUTHORIZATION", "/s3/"):
            return None
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        if any(name not in _HARMLESS and not name.startswith(("X-Amz-", "response-")) for name in query):
            return None
        bucket, _, key = unquote(environ["REQUEST_URI"].split("?")[0]).lstrip("/").partition("/")
        content = self._books.content(bucket, key, query.get("versionId"))
        if content is None:
            return None
        status, headers = self._head(environ)
        if status != 200:
            return None
        try:
            stream = content.open()
        except FileNotFoundError:  # it has just been replaced
            return None
        size = stream.seek(0, 2)
        start, end = _span(environ.get("HTTP_RANGE", ""), size)
        if start >= end and environ.get("HTTP_RANGE") and size:
            stream.close()
            return None
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        headers.append(("Content-Length", str(end - start)))
        if end - start < size:
            headers.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
            # The checksum that is kept is the whole object's.
            headers = [
                (name, value) for name, value in headers if not name.lower().startswith("x-amz-checksum-")
            ]
            start_response("206 Partial Content", headers)
        else:
            start_response("200 OK", headers)
        return _blocks(stream, start, end)

    def _head(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]]]:
        told: list[Any] = [500, []]

        def keep(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            told[:] = [int(status[:3]), headers]

        asked = {name: value for name, value in environ.items() if name != "HTTP_RANGE"}
        answer = self._books.application({**asked, "REQUEST_METHOD": "HEAD"}, keep)
        if hasattr(answer, "close"):
            answer.close()
        return told[0], told[1]


def _span(header: str, size: int) -> tuple[int, int]:
    """The first byte, and the one after the last; the whole where the header asks for nothing we know."""
    asked = _RANGE.fullmatch(header.strip())
    if asked is None or asked[1] == asked[2] == "":
        return 0, size
    if not asked[1]:
        return max(0, size - int(asked[2])), size
    return int(asked[1]), min(size, int(asked[2]) + 1 if asked[2] else size)


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
