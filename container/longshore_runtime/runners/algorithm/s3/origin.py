"""Tells S3's answers from those of another server: a proxy, a login page, whatever listens at that address.

A status of 200 proves nothing: a proxy's page has it, too. Content-Type does not help either, since users
store HTML. What only S3 and servers of its protocol send: an ETag with every object that is read or written,
and, at AWS's own addresses, a request id with everything.
"""

from __future__ import annotations

import re

from longshore_runtime.runners.algorithm.s3.connection import Response

_AWS = re.compile(r"(.*\.)?amazonaws\.(com|com\.cn|eu)(:\d+)?", re.ASCII | re.IGNORECASE)
_REQUEST_ID = "x-amz-request-id"
_LAMBDA = "s3-object-lambda"  # the name of a service: its functions need not set an ETag


def names_request(response: Response) -> bool:
    """Whether the answer has S3's request id, which no other server has a reason to send."""
    return bool(response.headers.get(_REQUEST_ID))


def what_is_missing(method: str, of_object: bool, host: str, service: str, response: Response) -> str | None:
    """Return what a 2xx answer lacks to be S3's, None if it lacks nothing.

    Args:
        method: of the request.
        of_object: whether it was for an object, not for a bucket.
        host: where the request went, as in its Host header.
        service: for which it was signed.
        response: the answer.
    """
    if _AWS.fullmatch(host) and not names_request(response):
        return _REQUEST_ID
    if method == "DELETE":
        return None if response.status == 204 else "status 204"
    if method in ("GET", "HEAD", "PUT") and of_object and service != _LAMBDA:
        return None if response.headers.get("etag") else "ETag"
    return None


def is_error_of_s3(response: Response) -> bool:
    """Whether an answer that is not 2xx may be S3's. One without a body, to a HEAD for one, always may."""
    return not response.body or b"<Error" in response.body[:1024] or names_request(response)
