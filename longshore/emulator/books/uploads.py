"""PutObject and UploadPart as a stream: a large body goes into a file as it comes, and moto is told of none.

moto would hold it in memory several times over.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qsl

from longshore.emulator.books.objects import Shelf

_LARGE = 1 << 18  # bytes; smaller bodies go to moto as they are
_BLOCK = 1 << 18
_HARMLESS = {"partNumber", "uploadId", "x-id", "AWSAccessKeyId", "Signature", "Expires"}
# How the body came; it is of no meaning any more once it is decoded.
_OF_THE_BODY = (
    "HTTP_X_AMZ_CONTENT_SHA256",
    "HTTP_X_AMZ_DECODED_CONTENT_LENGTH",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_X_AMZ_TRAILER",
)


class Uploads:
    """A WSGI application in front of moto's: what is no large upload goes through as it is."""

    def __init__(self, shelf: Shelf, application: Any) -> None:
        self._shelf = shelf
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not _is_large_upload(environ):
            return self._application(environ, start_response)  # type: ignore[no-any-return]
        asked = {name: value for name, value in environ.items() if name not in _OF_THE_BODY}
        with tempfile.NamedTemporaryFile(dir=self._shelf.incoming, delete=False) as file:
            path = Path(file.name)
        try:
            with path.open("wb") as file:
                asked |= _receive(environ, file)
            asked |= {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0", "wsgi.input_terminated": False}
            with self._shelf.replacing_empty(path):
                return self._application(asked, start_response)  # type: ignore[no-any-return]
        finally:
            path.unlink(missing_ok=True)


def _is_large_upload(environ: dict[str, Any]) -> bool:
    if environ["REQUEST_METHOD"] != "PUT" or "/s3/" not in environ.get("HTTP_AUTHORIZATION", "/s3/"):
        return False
    if "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return False
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if any(name not in _HARMLESS and not name.startswith("X-Amz-") for name in query):
        return False
    return bool(environ.get("wsgi.input_terminated")) or int(environ.get("CONTENT_LENGTH") or 0) >= _LARGE


def _receive(environ: dict[str, Any], file: IO[bytes]) -> dict[str, str]:
    """Write the decoded body; the headers that its encoding is replaced by."""
    stream = environ["wsgi.input"]
    encodings = [part.strip() for part in environ.get("HTTP_CONTENT_ENCODING", "").split(",")]
    streaming = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-")
    if not streaming and "aws-chunked" not in encodings:
        _copy(stream, file, None if environ.get("wsgi.input_terminated") else int(environ["CONTENT_LENGTH"]))
        return {}
    while size := int(stream.readline().split(b";")[0].strip() or b"0", 16):
        _copy(stream, file, size)
        stream.readline()
    left = ", ".join(part for part in encodings if part != "aws-chunked")
    return {"HTTP_CONTENT_ENCODING": left, **dict(_trailers(stream))}


def _trailers(stream: Any) -> Iterator[tuple[str, str]]:
    """The checksums that follow the last chunk."""
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        yield "HTTP_" + name.strip().upper().replace("-", "_"), value.strip()


def _copy(stream: Any, file: IO[bytes], size: int | None) -> None:
    """So many bytes, or all; OSError where the client goes before."""
    left = size
    while left is None or left > 0:
        block = stream.read(_BLOCK if left is None else min(_BLOCK, left))
        if not block:
            if left is None:
                return
            raise ConnectionResetError("the client has gone before its body had come")
        file.write(block)
        left = None if left is None else left - len(block)
