"""The emulator's errors in each of AWS's protocols, read by botocore's own parsers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.parsers import create_parser

from longshore.emulator.aws_protocols import protocol, signing_name
from longshore.emulator.error_responses import error_response
from longshore.emulator.faults import AwsError

_MESSAGE = "A <tag>, an & and a \x00: ä"


def environ(service: str = "", *, method: str = "POST", path: str = "/", **more: str) -> dict[str, Any]:
    signed = f"AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    authorization = {"HTTP_AUTHORIZATION": signed} if service else {}
    return {"REQUEST_METHOD": method, "PATH_INFO": path, **authorization, **more}


FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}
TARGET = {"HTTP_X_AMZ_TARGET": "Any.Operation", "CONTENT_TYPE": "application/x-amz-json-1.0"}
PRESIGNED = "Action=GetCallerIdentity&X-Amz-Credential=key%2F20260101%2Fus-east-1%2Fsts%2Faws4_request"
CBOR = {"HTTP_SMITHY_PROTOCOL": "rpc-v2-cbor"}

CASES = {
    "json": ("json", "json", environ("ecr", **TARGET)),
    "unsigned-json": ("json", "json", environ(**TARGET)),
    "query": ("query", "query", environ("iam", **FORM)),
    "unsigned-query": ("query", "query", environ(**FORM)),
    "presigned-query": ("query", "query", environ(method="GET", QUERY_STRING=PRESIGNED)),
    "ec2": ("ec2", "ec2", environ("ec2", **FORM)),
    "rest-json": ("rest-json", "rest-json", environ("lambda", path="/2015-03-31/functions")),
    "endpoint": ("rest-json", "rest-json", environ(path="/endpoints/name/invocations")),
    "page": ("rest-json", "rest-json", environ(method="GET")),
    "rest-xml": ("rest-xml", "rest-xml", environ("route53", path="/2013-04-01/hostedzone")),
    "s3": ("s3", "rest-xml", environ("s3", path="/bucket")),
    "s3-with-a-form": ("s3", "rest-xml", environ("s3", path="/bucket/key", **FORM)),
    "s3express": ("s3", "rest-xml", environ("s3express", path="/bucket")),
    "unsigned-s3": ("s3", "rest-xml", environ(method="GET", path="/bucket/key")),
    "cbor": ("rpc-v2-cbor", "smithy-rpc-v2-cbor", environ("arc-region-switch", **CBOR)),
}


@pytest.mark.parametrize(("expected", "parser", "request_"), CASES.values(), ids=CASES.keys())
def test_an_error_is_read_by_botocore(expected: str, parser: str, request_: dict[str, Any]) -> None:
    assert protocol(request_) == expected
    status, headers, body = error_response(AwsError("NotImplemented", _MESSAGE, 501), request_)
    assert status == "501 Not Implemented"
    lower = {name.lower(): value for name, value in headers}
    parsed = create_parser(parser).parse({"status_code": 501, "headers": lower, "body": body}, None)
    assert parsed["Error"]["Code"] == "NotImplemented"
    assert parsed["Error"]["Message"].replace("\ufffd", "\x00") == _MESSAGE
    assert parsed["ResponseMetadata"]["RequestId"] == lower["x-amzn-requestid"]


def test_a_head_request_gets_no_body() -> None:
    response = error_response(AwsError("NoSuchKey", "none", 404), environ("s3", method="HEAD", path="/b/k"))
    assert response.status == "404 Not Found" and response.body == b""


def test_details_are_members_of_the_error() -> None:
    error = AwsError("NoSuchKey", "none", 404, Key="a&b")
    body = error_response(error, environ("s3", path="/b/a&b")).body
    assert b"<Code>NoSuchKey</Code><Message>none</Message><Key>a&amp;b</Key>" in body


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/sns/aws4_request", "sns"),
        ("AWS4-ECDSA-P256-SHA256 Credential=key/20260101/s3/aws4_request", "s3"),
        ("AWS4-HMAC-SHA256 Credential=a/key/with/slashes/20260101/us-east-1/kms/aws4_request, More=1", "kms"),
        ("AWS key:signature", ""),
        ("Bearer token", ""),
        ("", ""),
    ],
)
def test_the_signing_name_of_each_kind_of_signature(authorization: str, expected: str) -> None:
    assert signing_name({"HTTP_AUTHORIZATION": authorization}) == expected
