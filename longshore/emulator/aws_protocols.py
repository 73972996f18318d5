"""The AWS service that a request is for, and the protocol in which its client expects the response.

Both are read from the request alone: botocore's models of all services take seconds to load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qs

from longshore.emulator.faults import AwsError

Protocol = Literal["query", "ec2", "json", "rest-json", "rest-xml", "s3", "rpc-v2-cbor"]

# The region is missing in signatures for several regions (SigV4a).
_SCOPE = re.compile(r"Credential=[^,\s]*?/\d{8}/(?:([^/,\s]+)/)?([^/,\s]+)/aws4_request")
FORM = "application/x-www-form-urlencoded"
# Signing names. Of all services in botocore, s3control aside, only these use XML over REST.
_REST_XML = ("cloudfront", "route53")
# Requests without a signature that are not S3's: the emulator's pages and SageMaker's endpoints.
_UNSIGNED_JSON = re.compile(r"/(_longshore/.*|endpoints/.*)?")


def signing_name(environ: Mapping[str, Any]) -> str:
    """Return the service of the credential scope, in a header or a presigned URL; "" if there is none."""
    return _scope(environ)[1]


def check_region(environ: Mapping[str, Any], region: str) -> None:
    """Raise AwsError if the credential scope has another Region than the emulator's."""
    asked = _scope(environ)[0]
    if asked not in ("", region):
        raise AwsError(
            "ValidationException",
            f"The request is for the Region {asked}, and this emulator has {region} alone: set the client's "
            f"Region to {region}, or start the emulator with --region {asked}.",
        )


def _scope(environ: Mapping[str, Any]) -> tuple[str, str]:
    text = environ.get("HTTP_AUTHORIZATION", "")
    query = environ.get("QUERY_STRING", "")
    if not text and "X-Amz-Credential=" in query:
        text = "Credential=" + parse_qs(query).get("X-Amz-Credential", [""])[0]
    found = _SCOPE.search(text)
    return (found[1] or "", found[2]) if found else ("", "")


def protocol(environ: Mapping[str, Any]) -> Protocol:
    """Return the protocol of the request. Does not read the body."""
    service = signing_name(environ)
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        return "rpc-v2-cbor"
    if environ.get("HTTP_X_AMZ_TARGET"):
        return "json"
    if service == "ec2":
        return "ec2"
    if service != "s3" and _is_query(environ):
        return "query"
    if service in _REST_XML:
        return "rest-xml"
    if service.startswith("s3") or (not service and not _UNSIGNED_JSON.fullmatch(environ["PATH_INFO"])):
        return "s3"
    return "rest-json"


def _is_query(environ: Mapping[str, Any]) -> bool:
    if str(environ.get("CONTENT_TYPE", "")).startswith(FORM):
        return bool(environ["REQUEST_METHOD"] == "POST")
    return "Action=" in str(environ.get("QUERY_STRING", ""))
