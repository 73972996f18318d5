"""Every form in which S3 takes a body: plain, or in aws-chunked's chunks, signed or not, with or without a
trailer. Each may have a Content-Length, or come with `Transfer-Encoding: chunked`.

Signatures are not verified: the emulator knows no secret keys.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from longshore.emulator.bodies import BLOCK
from longshore.emulator.books import checksums
from longshore.emulator.books.checksums import Checksum
from longshore.emulator.faults import AwsError
from longshore.emulator.transfer_coding import chunk_size, incomplete, malformed, read_line

_SHA256 = "HTTP_X_AMZ_CONTENT_SHA256"
_DECODED_LENGTH = "HTTP_X_AMZ_DECODED_CONTENT_LENGTH"
_TRAILER = "HTTP_X_AMZ_TRAILER"
_TRAILER_SIGNATURE = "x-amz-trailer-signature"
_UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_SIGNED_CHUNKS = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
}
_HEX_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_LONGEST_TRAILER = 1 << 14
# Headers that describe how the body came, and are wrong for the decoded one.
_OF_THE_FORM = (_SHA256, _DECODED_LENGTH, _TRAILER, "HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_ENCODING")


class Received(NamedTuple):
    """What is known of a body once it has passed.

    Attributes:
        size: Its bytes, decoded.
        md5: Their MD5, in hexadecimal.
        checksum: The one that the client stated, and that is right.
    """

    size: int
    md5: str
    checksum: Checksum | None


def receive(environ: Mapping[str, Any], write: Callable[[bytes], Any]) -> Received:
    """Decode a request's body, pass it on in blocks, and verify all that the client states about it.

    Raises:
        AwsError: S3's own error if the body is malformed, cut off, or another than the client states.
    """
    body = _Body(environ)
    content_md5 = checksums.stated_md5(environ)
    stated = checksums.stated_in(environ)
    in_trailer = _algorithm_of_trailer(environ)
    if stated and in_trailer:
        raise AwsError("InvalidRequest", "Expecting a single x-amz-checksum- header.")
    md5 = hashlib.md5(usedforsecurity=False)
    sha256 = hashlib.sha256() if body.sha256 else None
    algorithm = stated.algorithm if stated else in_trailer
    digest = checksums.new(algorithm) if algorithm else None
    digests = [one for one in (md5, sha256, digest) if one is not None]
    size = 0
    for block in body.blocks():
        write(block)
        size += len(block)
        for one in digests:
            one.update(block)
    if sha256 is not None and sha256.hexdigest() != str(body.sha256).lower():
        raise AwsError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    if content_md5 is not None and content_md5 != checksums.encode(md5.digest()):
        raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    if in_trailer:
        stated = checksums.stated(in_trailer, body.trailers[f"x-amz-checksum-{in_trailer.lower()}"])
    if stated and digest is not None and stated.value != checksums.encode(digest.digest()):
        raise checksums.mismatch(stated.algorithm)
    return Received(size, md5.hexdigest(), stated)


def decoded(environ: Mapping[str, Any], received: Received) -> dict[str, Any]:
    """Return the request as it would be with the decoded body, without wsgi.input."""
    asked = {name: value for name, value in environ.items() if name not in _OF_THE_FORM}
    encodings = [part for part in _encodings(environ) if part != "aws-chunked"]
    if encodings:
        asked["HTTP_CONTENT_ENCODING"] = ",".join(encodings)
    if received.checksum:
        asked[checksums.HEADER + received.checksum.algorithm] = received.checksum.value
        asked[checksums.SDK_ALGORITHM] = received.checksum.algorithm
    return asked | {"CONTENT_LENGTH": str(received.size), "wsgi.input_terminated": False}


def has_body(environ: Mapping[str, Any]) -> bool:
    """Return whether a request has a body, if perhaps an empty one."""
    return bool(environ.get("wsgi.input_terminated") or environ.get("CONTENT_LENGTH"))


class _Body:
    """A body's blocks, and the trailer that follows them.

    Attributes:
        sha256: What x-amz-content-sha256 states of a plain body; None if it states nothing.
        trailers: Set once all blocks have been read.
    """

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._stream = environ["wsgi.input"]
        self._left = None if environ.get("wsgi.input_terminated") else _length(environ, "CONTENT_LENGTH")
        said = environ.get(_SHA256, "")
        self.sha256 = said if _HEX_SHA256.fullmatch(said) else None
        self._signed = said in _SIGNED_CHUNKS
        self._chunked = self._signed or said == _UNSIGNED_CHUNKS
        if not self._chunked and not self.sha256 and said not in ("", "UNSIGNED-PAYLOAD"):
            raise AwsError(
                "InvalidArgument",
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                f"{', '.join([_UNSIGNED_CHUNKS, *sorted(_SIGNED_CHUNKS)])} or a valid sha256 value.",
            )
        self._expected = _length(environ, _DECODED_LENGTH) if _DECODED_LENGTH in environ else None
        if self._chunked and self._expected is None:
            raise AwsError(
                "MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header.", 411
            )
        if not self.sha256 and "aws-chunked" in _encodings(environ):  # unsigned requests have no SHA-256
            self._chunked = True
        names = environ.get(_TRAILER, "").split(",")
        self._promised = {name.strip().lower() for name in names if name.strip()}
        if self._promised and not self._chunked:
            raise _malformed_trailer("only a body in aws-chunked's chunks has a trailer")
        self.trailers: dict[str, str] = {}

    def blocks(self) -> Iterator[bytes]:
        """Yield the decoded bytes. Raises AwsError if they are malformed, or fewer than stated."""
        if not self._chunked:
            if self._left is None:
                while block := self._stream.read(BLOCK):
                    yield block
            else:
                yield from self._exactly(self._left)
            return
        total = 0
        while size := self._next_chunk():
            total += size
            if self._expected is not None and total > self._expected:
                break
            yield from self._exactly(size)
            if self._line():
                raise malformed("a chunk has more bytes than its size")
        if self._expected is not None and total != self._expected:
            raise incomplete("the x-amz-decoded-content-length HTTP header")
        self._read_trailers()

    def _next_chunk(self) -> int:
        line = self._line()
        if self._signed and b"chunk-signature=" not in line:
            raise malformed("a chunk has no chunk-signature")
        return chunk_size(line)

    def _line(self) -> bytes:
        return read_line(self._stream, "the body's chunks")

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            block = self._stream.read(min(BLOCK, size))
            if not block:
                raise incomplete("the body's chunks" if self._chunked else "the Content-Length HTTP header")
            size -= len(block)
            yield block

    def _read_trailers(self) -> None:
        # To the end: in the signed form an empty line separates the checksum from its signature.
        text = b""
        while block := self._stream.read(_LONGEST_TRAILER):
            text += block
            if len(text) > _LONGEST_TRAILER:
                raise _malformed_trailer("it is too long")
        for line in filter(None, (line.strip() for line in text.decode("latin-1").split("\n"))):
            name, colon, value = line.partition(":")
            if not colon:
                raise _malformed_trailer("a line is no header")
            self.trailers[name.strip().lower()] = value.strip()
        came = self.trailers.keys() - {_TRAILER_SIGNATURE}
        if came != self._promised:
            raise _malformed_trailer(
                f"x-amz-trailer announces {sorted(self._promised)}, and the trailer has {sorted(came)}"
            )


def _algorithm_of_trailer(environ: Mapping[str, Any]) -> str | None:
    """Return the algorithm of the checksum that the trailer is to have.

    Raises:
        AwsError: if the trailer is to have something else, or if nothing has the checksum that
            x-amz-sdk-checksum-algorithm announces.
    """
    name: str = environ.get(_TRAILER, "").strip().lower()
    named: str | None = environ.get(checksums.SDK_ALGORITHM)
    if not name:
        if named and not any(checksums.HEADER + one in environ for one in checksums.ALGORITHMS):
            checksums.known(named)
            raise AwsError(
                "InvalidRequest",
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
                "x-amz-trailer headers were found.",
            )
        return None
    algorithm = name.removeprefix("x-amz-checksum-").upper()
    if not name.startswith("x-amz-checksum-") or algorithm not in checksums.ALGORITHMS:
        raise AwsError("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")
    if named and checksums.known(named) != algorithm:
        raise AwsError("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
    return algorithm


def _malformed_trailer(what: str) -> AwsError:
    return AwsError(
        "MalformedTrailerError",
        f"The request contained trailing data that was not well-formed: {what}.",
    )


def _length(environ: Mapping[str, Any], name: str) -> int:
    text = str(environ.get(name) or "0").strip()
    if not re.fullmatch("[0-9]{1,18}", text):
        header = name.removeprefix("HTTP_").replace("_", "-").lower()
        raise AwsError("InvalidArgument", f"{header} must be a number of bytes, not {text[:40]!r}.")
    return int(text)


def _encodings(environ: Mapping[str, Any]) -> list[str]:
    said = environ.get("HTTP_CONTENT_ENCODING", "").split(",")
    return [part.strip() for part in said if part.strip()]
