"""XML documents and canned ACLs that S3 refuses, each with S3's own error."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support import upload_forms
from tests.support.emulator import EmulatorProcess

RULE = "<Rule><ID>a</ID><Status>Enabled</Status><Filter/><Expiration><Days>{}</Days></Expiration></Rule>"
LIFECYCLE = f"<LifecycleConfiguration>{RULE}</LifecycleConfiguration>"
REFUSED = {
    "empty tagging": ("PUT", "?tagging", "<Tagging/>"),
    "tags without a key": (
        "PUT",
        "?tagging",
        "<Tagging><TagSet><Tag/></TagSet></Tagging>",
    ),
    "an object's empty tagging": ("PUT", "/key?tagging", "<Tagging/>"),
    "empty CORS": ("PUT", "?cors", "<CORSConfiguration/>"),
    "CORS without methods": (
        "PUT",
        "?cors",
        "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
    ),
    "empty encryption": ("PUT", "?encryption", "<ServerSideEncryptionConfiguration/>"),
    "an empty Delete": ("POST", "?delete", "<Delete/>"),
    "a Delete without keys": ("POST", "?delete", "<Delete><Object/></Delete>"),
    "another document": ("PUT", "?website", "<x/>"),
    "deep elements": ("POST", "?delete", "<a>" * 50_000 + "</a>" * 50_000),
    "days that are no number": ("PUT", "?lifecycle", LIFECYCLE.format("x")),
    "days of 5000 digits": ("PUT", "?lifecycle", LIFECYCLE.format("9" * 5000)),
    "a Select without its parts": (
        "POST",
        "/key?select&select-type=2",
        "<SelectObjectContentRequest><Expression>x</Expression></SelectObjectContentRequest>",
    ),
    "an unfinished document": ("PUT", "?logging", "<BucketLoggingStatus>"),
    "logging without a bucket": (
        "PUT",
        "?logging",
        "<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>",
    ),
}


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorProcess) -> str:
    emulator.put("of-documents", key=b"1")
    return "of-documents"


def ask(emulator: EmulatorProcess, method: str, target: str, body: str, **headers: str) -> tuple[int, str]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = upload_forms.request(emulator.address, method, target, given, body.encode())
    answer = upload_forms.send(emulator.address, sent)
    return answer.status, answer.code


@pytest.mark.parametrize("what", REFUSED)
def test_a_document_without_what_is_required_is_refused(
    emulator: EmulatorProcess, bucket: str, what: str
) -> None:
    method, target, document = REFUSED[what]
    assert ask(emulator, method, f"/{bucket}{target}", document) == (400, "MalformedXML")


@pytest.mark.parametrize("target", ["?tagging", "?cors", "?versioning", "/key?tagging"])
@pytest.mark.parametrize("body", ["", " \n"])
def test_a_required_document_that_is_empty_is_refused(
    emulator: EmulatorProcess, bucket: str, target: str, body: str
) -> None:
    assert ask(emulator, "PUT", f"/{bucket}{target}", body) == (400, "MissingRequestBodyError")


@pytest.mark.parametrize("target", ["/another-bucket", "/{}/other", "/{}?acl", "/{}/key?acl"])
def test_an_unknown_canned_acl_is_refused(emulator: EmulatorProcess, bucket: str, target: str) -> None:
    answer = ask(emulator, "PUT", target.format(bucket), "", x_amz_acl="everybody")
    assert answer == (400, "InvalidArgument")
    assert emulator.keys(bucket) == ["key"]


def test_whole_documents_are_taken(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": ""}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": ""}]
    s3.put_object_tagging(Bucket=bucket, Key="key", Tagging={"TagSet": []})
    assert s3.get_object_tagging(Bucket=bucket, Key="key")["TagSet"] == []
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [rule]
    lifecycle = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [lifecycle]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [lifecycle]
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [default]})
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_bucket_acl(Bucket=bucket, ACL="log-delivery-write")
    owner = s3.get_bucket_acl(Bucket=bucket)
    policy = {"Owner": owner["Owner"], "Grants": owner["Grants"]}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy)
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.put_object_tagging(Bucket=bucket, Key="none", Tagging={"TagSet": []})
