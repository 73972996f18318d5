"""Bodies on their way to moto's S3: decoded, verified, and never in memory as a whole.

PutObject, UploadPart and form uploads go into a file as they come, and moto gets an empty body. All other
requests have small ones.
"""

from __future__ import annotations

import io
import re
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from longshore.emulator.books import body_forms, checksums, forms, s3_documents, s3_requests
from longshore.emulator.books.objects import Incoming, Shelf
from longshore.emulator.books.s3_requests import S3Request
from longshore.emulator.books.xml_documents import check_well_formed
from longshore.emulator.error_responses import refuse as refuse_in_protocol
from longshore.emulator.faults import AwsError, not_implemented
from longshore.emulator.guard import REQUEST

_LARGEST_DOCUMENT = 16 << 20  # of XML or a policy; AWS takes a few MB at most
_NUMBERS = {"max-buckets", "max-keys", "max-parts", "max-uploads", "part-number-marker"}
_NO_XML = {"policy"}  # subresources whose documents are JSON
_DRAIN_SECONDS = 1.0
_DRAIN_BYTES = 64 << 20


class Uploads:
    """A WSGI application in front of moto's. Requests to other services pass through unchanged."""

    def __init__(self, shelf: Shelf, application: Any) -> None:
        self._shelf = shelf
        self._application = application
        self._conditional = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            request = s3_requests.parse(environ)
            if request is None:
                return self._application(environ, start_response)  # type: ignore[no-any-return]
            asked = s3_requests.for_moto(environ, request)
            s3_documents.check_canned_acl(asked.get("HTTP_X_AMZ_ACL"))
            if _stores_content(request, asked):
                _check_part(request)
                return self._upload(asked, start_response)
            _check_numbers(request)
            if request.bucket and forms.is_upload(request, asked):
                return self._upload_form(asked, start_response)
            if body_forms.has_body(asked) and request.method not in ("GET", "HEAD"):
                asked = _with_document(asked, request)
            else:
                s3_documents.check_document(request, b"")
            return self._store(asked, start_response)
        except AwsError as error:
            return refuse(error, environ, start_response)
        except TimeoutError:
            return refuse(_timeout(), environ, start_response)

    def _upload(self, asked: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with tempfile.NamedTemporaryFile(dir=self._shelf.incoming, delete=False) as file:
            path = Path(file.name)
            try:
                received = body_forms.receive(asked, file.write)
            except BaseException:
                path.unlink()
                raise
        asked = body_forms.decoded(asked, received)
        asked |= {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
        with self._shelf.replacing_empty(Incoming(path, received.md5, received.checksum)):
            return self._store(asked, start_response)

    def _store(self, asked: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        changes = asked["REQUEST_METHOD"] not in ("GET", "HEAD")
        if changes and asked.get("HTTP_IF_NONE_MATCH", "*").strip() != "*":
            raise not_implemented(
                "S3 takes no other If-None-Match than * with a request that changes an object."
            )
        if changes and ("HTTP_IF_MATCH" in asked or "HTTP_IF_NONE_MATCH" in asked):
            with self._conditional:  # of several that create the same object, one succeeds
                return self._application(asked, start_response)  # type: ignore[no-any-return]
        return self._application(asked, start_response)  # type: ignore[no-any-return]

    def _upload_form(self, asked: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked, incoming = forms.receive(asked, self._shelf.incoming)
        with self._shelf.replacing_empty(incoming):
            return self._application(asked, start_response)  # type: ignore[no-any-return]


def _stores_content(request: S3Request, environ: dict[str, Any]) -> bool:
    return request.method == "PUT" and request.is_about_content and "HTTP_X_AMZ_COPY_SOURCE" not in environ


def _check_part(request: S3Request) -> None:
    """Raise AwsError if a request has half of what makes it an UploadPart: it would replace the object."""
    number, upload = request.query.get("partNumber"), request.query.get("uploadId")
    if number is None and upload is None:
        return
    if number is None or not re.fullmatch(r"-?[0-9]{1,9}", number):  # moto checks the range
        raise AwsError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    if not upload:
        raise AwsError("InvalidArgument", "This operation needs an uploadId.")


def _check_numbers(request: S3Request) -> None:
    """Raise AwsError if a parameter that is a number is none: moto does not check them all."""
    for name in _NUMBERS & request.query.keys():
        if not re.fullmatch(r"-?[0-9]{1,18}", request.query[name]):
            raise AwsError("InvalidArgument", f"Provided {name} not an integer or within integer range")
        if request.query[name].startswith("-"):
            raise AwsError("InvalidArgument", f"Argument {name} must be an integer between 0 and 2147483647")


def _with_document(asked: dict[str, Any], request: S3Request) -> dict[str, Any]:
    """Return a request with its body decoded, in memory."""
    body = io.BytesIO()

    def write(block: bytes) -> None:
        body.write(block)
        if body.tell() > _LARGEST_DOCUMENT:
            raise AwsError(
                "MaxMessageLengthExceeded", f"Your request was too big: at most {_LARGEST_DOCUMENT} bytes."
            )

    of_object = {}
    if "uploadId" in request.query:  # the checksum is the object's, not the document's
        of_object = {name: asked[name] for name in asked if name.startswith(checksums.HEADER)}
    received = body_forms.receive({name: asked[name] for name in asked if name not in of_object}, write)
    body.seek(0)
    is_unknown = request.is_about_content and "uploadId" not in request.query  # moto's error says more
    if body.getvalue().strip() and not is_unknown and not _NO_XML & request.query.keys():
        check_well_formed(body.getvalue())
    s3_documents.check_document(request, body.getvalue())
    return {**body_forms.decoded(asked, received), **of_object, "wsgi.input": body}


def _timeout() -> AwsError:
    return AwsError(
        "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout period.",
    )


def refuse(error: AwsError, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the error, once the client can be expected to read it."""
    if _drain(environ):
        environ[REQUEST].close_connection = True
    return refuse_in_protocol(error, environ, start_response)


def _drain(environ: dict[str, Any]) -> bool:
    """Read what the client has still to send, so that it reads the answer; not for long.

    Returns:
        Whether more may come, so that the connection has to be closed.
    """
    stream = environ["wsgi.input"]
    socket = environ["longshore.socket"]
    patience = socket.gettimeout()
    left = _DRAIN_BYTES
    try:
        socket.settimeout(_DRAIN_SECONDS)
        while left > 0:
            block = stream.read(min(left, 1 << 16))
            if not block:
                return getattr(stream, "remaining", 0) > 0  # the client has closed its side
            left -= len(block)
        return True
    except (OSError, AwsError):
        return True
    finally:
        socket.settimeout(patience)
