"""The AWS service that a request is for, and the protocol in which its client expects the response.

Both are read from the request alone: botocore's models of all services take seconds to load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qs

Protocol = Literal["query", "ec2", "json", "rest-json", "rest-xml", "s3", "rpc-v2-cbor"]

_SCOPE = re.compile(r"Credential=[^,\s]*/([^/,\s]+)/aws4_request")
_FORM = "application/x-www-form-urlencoded"
# Signing names. Of all services in botocore, s3control aside, only these use XML over REST.
_REST_XML = ("cloudfront", "route53")
# Requests without a signature that are not S3's: the emulator's pages and SageMaker's endpoints.
_UNSIGNED_JSON = re.compile(r"/(_longshore/.*|endpoints/.*)?")


def signing_name(environ: Mapping[str, Any]) -> str:
    """Return the service of the credential scope, in a header or a presigned URL; "" if there is none."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope:
        return scope[1].lower()
    query = environ.get("QUERY_STRING", "")
    if "X-Amz-Credential=" not in query:
        return ""
    credential = parse_qs(query).get("X-Amz-Credential", [""])[0].split("/")
    return credential[-2].lower() if len(credential) > 2 and credential[-1] == "aws4_request" else ""


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
    if environ.get("CONTENT_TYPE", "").startswith(_FORM):
        return environ["REQUEST_METHOD"] == "POST"
    return "Action=" in environ.get("QUERY_STRING", "")
