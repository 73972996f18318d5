"""Keys of S3 that are odd as paths and URLs: each is an object of its own, in every operation."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.jobs import archive, channel, told, train, transform
from tests.support.server import PATIENCE

# Each beside what it would be if it were decoded or normalized once too often.
KEYS = [
    "a", "a?b", "a#b", "a%3Fb", "a%253Fb", "a b", "a+b", "a%20b", "a%2Fb", "a/b", "a//b", "a/./b", "a/../b",
    "a&b=c", "a;b", "a:b", "a,b", "a'b\"<c>", "a\\b", "a*b", "dt=2024%3A01/p", "dt=2024:01/p", "ü", "%C3%BC",
    "💩", "//", "/a", "a/", "%", "%%", "%zz", "a\nb", "a\rb", "a\tb", "\x01", "~!@$^()[]{}|`", "x" * 1024,
    "versionId?versionId=1", "endpoints/a/invocations",
]  # fmt: skip


def body_of(key: str) -> bytes:
    return b"of " + key.encode()


@pytest.fixture(scope="module")
def bucket(emulator: EmulatorProcess) -> str:
    """A bucket with an object of each key."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="odd-keys")
    for key in KEYS:
        s3.put_object(Bucket="odd-keys", Key=key, Body=body_of(key))
    return "odd-keys"


def all_keys(s3: Any, operation: str, **arguments: Any) -> list[str]:
    """The keys of all pages, and the common prefixes, as they come."""
    found = []
    for page in s3.get_paginator(operation).paginate(**arguments):
        items = [item["Key"] for item in page.get("Contents", page.get("Versions", []))]
        found += items + [item["Prefix"] for item in page.get("CommonPrefixes", [])]
    return found


def test_each_key_has_its_own_object(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    for key in KEYS:
        assert emulator.get(bucket, key) == body_of(key)
        assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(body_of(key))


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("size", [1000, 3])
def test_keys_are_listed_as_they_are(
    emulator: EmulatorProcess, bucket: str, operation: str, size: int
) -> None:
    s3 = emulator.client("s3")
    page = {"PaginationConfig": {"PageSize": size}}
    assert all_keys(s3, operation, Bucket=bucket, **page) == sorted(KEYS)
    for prefix in ("a%", "a?", "dt=2024%3A01/", "/", "%", "ü"):
        expected = sorted(key for key in KEYS if key.startswith(prefix))
        assert all_keys(s3, operation, Bucket=bucket, Prefix=prefix, **page) == expected


@pytest.mark.parametrize("delimiter", ["/", "%", "?", "%3A"])
@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_common_prefixes_are_listed_as_they_are(
    emulator: EmulatorProcess, bucket: str, operation: str, delimiter: str
) -> None:
    expected = {key.partition(delimiter)[0] + delimiter if delimiter in key else key for key in KEYS}
    for size in (1000, 4):
        found = all_keys(
            emulator.client("s3"), operation,
            Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": size},
        )  # fmt: skip
        assert sorted(found) == sorted(expected)


def test_lists_start_after_a_key(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    for key in ("a?b", "a%20b", "dt=2024%3A01/p"):
        expected = sorted(KEYS)[sorted(KEYS).index(key) + 1 :]
        listed = s3.list_objects_v2(Bucket=bucket, StartAfter=key)
        assert [item["Key"] for item in listed["Contents"]] == expected
        assert listed["StartAfter"] == key
        assert [item["Key"] for item in s3.list_objects(Bucket=bucket, Marker=key)["Contents"]] == expected


def test_wrong_arguments_of_lists_are_refused(emulator: EmulatorProcess, bucket: str) -> None:
    for query in (
        "list-type=2&continuation-token=x",
        "max-keys=x",
        "list-type=2&max-keys=x",
        "encoding-type=x",
    ):
        answer = requests.get(f"{emulator.address}/{bucket}?{query}", timeout=PATIENCE)
        assert (answer.status_code, "<Code>InvalidArgument<" in answer.text) == (400, True), answer.text


def test_keys_are_copied(emulator: EmulatorProcess, bucket: str) -> None:
    """By CopySource as a text and as a dict, to the same keys, and in parts."""
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="odd-copies")
    for key in KEYS:
        s3.copy_object(Bucket="odd-copies", Key=key, CopySource={"Bucket": bucket, "Key": key})
    for key in KEYS:
        assert emulator.get("odd-copies", key) == body_of(key)
        if "\x01" in key:  # CreateMultipartUpload answers with the key in XML, which cannot have it
            continue
        at = {"Bucket": "odd-copies", "Key": f"parts of {key}"[:1024]}
        upload = s3.create_multipart_upload(**at)
        assert upload["Key"] == at["Key"]
        at["UploadId"] = upload["UploadId"]
        source = {"Bucket": bucket, "Key": key}
        part = s3.upload_part_copy(**at, PartNumber=1, CopySource=source)["CopyPartResult"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        assert s3.list_parts(**at)["Key"] == at["Key"]
        s3.complete_multipart_upload(**at, MultipartUpload=parts)
        assert emulator.get("odd-copies", at["Key"]) == body_of(key)


def test_keys_are_tagged(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    for number, key in enumerate(KEYS):
        tags = {"TagSet": [{"Key": "number", "Value": str(number)}]}
        s3.put_object_tagging(Bucket=bucket, Key=key, Tagging=tags)
    for number, key in enumerate(KEYS):
        tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        assert tags == [{"Key": "number", "Value": str(number)}]


def test_presigned_addresses_of_keys(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    for key in KEYS:
        url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key})
        target = urlsplit(url)
        connection = http.client.HTTPConnection(target.netloc, timeout=PATIENCE)
        # requests would normalize dots.
        connection.request("GET", url.removeprefix(f"http://{target.netloc}"))
        assert connection.getresponse().read() == body_of(key)
        connection.close()


def test_forms_put_keys(emulator: EmulatorProcess, name: str) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name)
    keys = [key for key in KEYS if "\r" not in key and "\n" not in key]
    for key in keys:
        post = s3.generate_presigned_post(name, key)
        files = {"file": ("name.txt", body_of(key), "text/odd")}
        answer = requests.post(post["url"], data=post["fields"], files=files, timeout=PATIENCE)
        assert answer.status_code == 204, answer.text
        assert emulator.get(name, key) == body_of(key)
    post = s3.generate_presigned_post(name, "up/${filename}")
    requests.post(post["url"], data=post["fields"], files={"file": ("a%3Fb", b"x")}, timeout=PATIENCE)
    assert emulator.keys(name, "up/") == ["up/a%3Fb"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--x--\r\n", "InvalidArgument"),
        (b"--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nx\r\n--x--\r\n", "InvalidArgument"),
        (b"no form", "MalformedPOSTRequest"),
    ],
)  # fmt: skip
def test_malformed_forms_are_refused(emulator: EmulatorProcess, bucket: str, body: bytes, code: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = requests.post(f"{emulator.address}/{bucket}", data=body, headers=headers, timeout=PATIENCE)
    assert (answer.status_code, f"<Code>{code}<" in answer.text) == (400, True), answer.text


def test_a_bucket_may_be_in_the_host(emulator: EmulatorProcess, bucket: str) -> None:
    port = urlsplit(emulator.address).port
    for key in KEYS:
        if key.startswith("/"):  # HTTP servers take '//' for the beginning of a host
            continue
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        headers = {"Host": f"{bucket}.localhost:{port}", "Authorization": "AWS a:b"}
        connection.request("GET", "/" + quote(key), headers=headers)
        assert connection.getresponse().read() == body_of(key)
        connection.close()


def test_keys_are_deleted_one_by_one(emulator: EmulatorProcess, name: str) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name)
    in_xml = [key for key in KEYS if key.isprintable() or key in ("a\nb", "a\rb", "a\tb")]
    for key in KEYS:
        s3.put_object(Bucket=name, Key=key, Body=b"")
    half = KEYS[::2]
    for key in half:
        s3.delete_object(Bucket=name, Key=key)
    left = [key for key in KEYS if key not in half]
    assert emulator.keys(name) == sorted(left)
    objects = [{"Key": key} for key in left if key in in_xml]
    deleted = s3.delete_objects(Bucket=name, Delete={"Objects": objects})["Deleted"]
    assert deleted == objects
    assert emulator.keys(name) == sorted(key for key in left if key not in in_xml)
    with pytest.raises(ClientError) as caught:
        s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "\x01"}]})
    assert caught.value.response["Error"]["Code"] == "MalformedXML"


def test_a_key_that_is_no_utf8_is_refused(emulator: EmulatorProcess, bucket: str) -> None:
    answer = requests.put(f"{emulator.address}/{bucket}/%FF", data=b"x", timeout=PATIENCE)
    assert (answer.status_code, "<Code>InvalidURI<" in answer.text) == (400, True)


def test_jobs_read_and_write_keys(emulator: EmulatorProcess, name: str) -> None:
    """Partitions as Spark writes them, as a training job's files and as a transform job's objects."""
    keys = ["dt=2024%3A01/a?b.csv", "dt=2024%3A01/a+b c.csv", "dt=2024:01/a.csv", "ü/#.csv"]
    emulator.put(name, **{f"in/{key}": b"1\n" for key in keys})
    train(
        emulator,
        name,
        "tells_what_it_got.py",
        InputDataConfig=[
            channel("files", f"s3://{name}/in/"),
            channel("fast", f"s3://{name}/in/dt=2024%3A01/", InputMode="FastFile"),
        ],
    )
    given = {"ContentType": "text/csv", "SplitType": "Line"}
    transform(emulator, name, given=given, wanted={"AssembleWith": "Line", "Accept": "text/csv"})
    assert emulator.ended("Training", name)["TrainingJobStatus"] == "Completed"
    files = told(archive(emulator, name, f"out/{name}/output/model.tar.gz")["algo-1.json"])["input"]
    assert {path for path in files if path.startswith("data/files/")} == {f"data/files/{key}" for key in keys}
    assert {path for path in files if path.startswith("data/fast/")} == {
        "data/fast/a?b.csv",
        "data/fast/a+b c.csv",
    }
    assert emulator.ended("Transform", name)["TransformJobStatus"] == "Completed"
    outputs = [key for key in emulator.keys(name, "out/") if key.endswith(".out")]
    assert outputs == sorted(f"out/{key}.out" for key in keys)


def test_keys_that_are_one_file_fail_a_job(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, **{"in/a/b": b"1", "in/a//b": b"2"})
    train(emulator, name, "tells_what_it_got.py", InputDataConfig=[channel("files", f"s3://{name}/in/")])
    job = emulator.ended("Training", name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "would be the same file" in job["FailureReason"]


def test_missing_keys_and_uploads_have_their_own_errors(emulator: EmulatorProcess, bucket: str) -> None:
    s3 = emulator.client("s3")
    key = {"Bucket": bucket, "Key": "missing"}
    part = {**key, "UploadId": "none", "PartNumber": 1}
    source = {"Bucket": bucket, "Key": "a"}
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": "2030-01-01T00:00:00Z"}
    select: dict[str, Any] = {
        "Expression": "SELECT * FROM s3object", "ExpressionType": "SQL",
        "InputSerialization": {"CSV": {}}, "OutputSerialization": {"CSV": {}},
    }  # fmt: skip
    upload = s3.create_multipart_upload(**key)["UploadId"]
    calls: list[tuple[Any, dict[str, Any], str]] = [
        (s3.get_object, key, "NoSuchKey"),
        (s3.get_object_tagging, key, "NoSuchKey"),
        (s3.put_object_tagging, {**key, "Tagging": {"TagSet": []}}, "NoSuchKey"),
        (s3.delete_object_tagging, key, "NoSuchKey"),
        (s3.get_object_acl, key, "NoSuchKey"),
        (s3.put_object_acl, {**key, "ACL": "private"}, "NoSuchKey"),
        (s3.get_object_attributes, {**key, "ObjectAttributes": ["ETag"]}, "NoSuchKey"),
        (s3.restore_object, {**key, "RestoreRequest": {"Days": 1}}, "NoSuchKey"),
        (s3.select_object_content, {**key, **select}, "NoSuchKey"),
        (s3.copy_object, {**key, "CopySource": key}, "NoSuchKey"),
        (s3.upload_part_copy, {**part, "UploadId": upload, "CopySource": key}, "NoSuchKey"),
        (s3.put_object_retention, {**key, "Retention": retention}, "InvalidRequest"),
        (s3.upload_part, {**part, "Body": b"x"}, "NoSuchUpload"),
        (s3.upload_part_copy, {**part, "CopySource": source}, "NoSuchUpload"),
        (s3.list_parts, {**key, "UploadId": "none"}, "NoSuchUpload"),
        (s3.abort_multipart_upload, {**key, "UploadId": "none"}, "NoSuchUpload"),
        (
            s3.complete_multipart_upload,
            {**key, "UploadId": "none", "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]}},
            "NoSuchUpload",
        ),
    ]
    for call, arguments, code in calls:
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == code, call.__name__
