"""What a request asks of S3: its bucket and key, exactly as the client means them.

A key may be any text: '%', '?', '+', '//', '..' and control characters are part of its name. moto takes the
key from the path more than once, and decodes it each time; for_moto() writes the path so that each way of
reading it leads to the same key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from longshore.emulator.books import checksums, presigned
from longshore.emulator.books.routing import is_for_s3
from longshore.emulator.faults import AwsError

# Query parameters that make a request about something else than an object's content.
_SUBRESOURCES = {
    "acl", "annotation", "attributes", "encryption", "legal-hold", "renameObject", "restore", "retention",
    "select", "tagging", "torrent", "uploads",
}  # fmt: skip
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.(?P<rest>localhost(:\d+)?)", re.IGNORECASE)
# Taken out of a request, because moto deals with them wrongly.
ENCODING_TYPE = "longshore.encoding_type"  # a list's; see s3_lists
COPY_ALGORITHM = "longshore.copy_algorithm"  # of a copy's checksum; see s3_patches


class S3Request(NamedTuple):
    """A request to S3.

    Attributes:
        bucket: Its name; empty if the request is for none.
        key: The object's key; empty if the request is for none.
        query: The query's parameters.
    """

    method: str
    bucket: str
    key: str
    query: dict[str, str]

    @property
    def is_about_content(self) -> bool:
        """Whether it reads or writes an object's content."""
        return bool(self.bucket and self.key) and not _SUBRESOURCES & self.query.keys()


def parse(environ: Mapping[str, Any]) -> S3Request | None:
    """Return what a request asks of S3; None if it is for another service.

    Raises:
        AwsError: if the bucket or the key is not UTF-8, or if the request was presigned and has expired.
    """
    if not is_for_s3(environ):
        return None
    path, _, text = environ["REQUEST_URI"].partition("?")
    query = dict(parse_qsl(text, keep_blank_values=True))
    presigned.refuse_expired(query)
    host = _VIRTUAL_HOST.fullmatch(environ.get("HTTP_HOST", ""))
    if host:
        bucket, key = host["bucket"], path[1:]
    else:
        bucket, _, key = path[1:].partition("/")
    try:
        # WSGI has bytes as Latin-1.
        bucket, key = (unquote_to_bytes(part.encode("latin-1")).decode() for part in (bucket, key))
    except UnicodeDecodeError:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI: it is not UTF-8.") from None
    return S3Request(environ["REQUEST_METHOD"], bucket, key, query)


def for_moto(environ: Mapping[str, Any], request: S3Request) -> dict[str, Any]:
    """Return the request with its bucket in the path, and all that names a key written for moto."""
    asked = {**environ}
    host = _VIRTUAL_HOST.fullmatch(asked.get("HTTP_HOST", ""))
    if host:
        asked["HTTP_HOST"] = host["rest"]
    path = "/" + quote(request.bucket)
    if request.key or host or "/" in environ["REQUEST_URI"].partition("?")[0][1:]:
        path += "/" + quote(request.key)
    if request.key or host:
        # Flask's routing sees quoted text: it redirects '//', and its patterns end at a line break.
        asked["PATH_INFO"] = path.replace("//", "/%2F")
    if not request.key and request.method == "GET":
        asked["QUERY_STRING"], asked[ENCODING_TYPE] = _without_encoding_type(environ, request)
    asked["RAW_URI"] = path + ("?" + asked["QUERY_STRING"] if asked.get("QUERY_STRING") else "")
    if source := asked.get("HTTP_X_AMZ_COPY_SOURCE"):
        asked["HTTP_X_AMZ_COPY_SOURCE"] = _copy_source(source)
        if algorithm := asked.pop("HTTP_X_AMZ_CHECKSUM_ALGORITHM", None):
            asked[COPY_ALGORITHM] = checksums.known(algorithm)
    return asked


def _without_encoding_type(environ: Mapping[str, Any], request: S3Request) -> tuple[str, str]:
    kind = request.query.get("encoding-type", "")
    if kind not in ("", "url"):
        raise AwsError("InvalidArgument", "Invalid Encoding Method specified in Request")
    parts = environ.get("QUERY_STRING", "").split("&")
    return "&".join(part for part in parts if part.partition("=")[0] != "encoding-type"), kind


def _copy_source(header: str) -> str:
    """Return the header so that moto's urlparse() finds no query, fragment or parameters in the key."""
    source, mark, version = header.partition("?versionId=")
    text = unquote_to_bytes(source.encode("latin-1")).decode("utf-8", "replace").removeprefix("/")
    if "/" not in text:
        raise AwsError("InvalidArgument", "x-amz-copy-source must be BUCKET/KEY.")
    return quote(text) + mark + version
