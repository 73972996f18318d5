"""The S3 client against a real server, and against answers that only AWS gives."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.client import S3, FileRange, S3Error, retry
from tests.support.s3 import S3Server
from tests.support.scripted import Asked, Reply, Scripted, answer, refusal
from tests.support.server import free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("bucket")
        yield server


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, server: S3Server, tmp_path: Path) -> None:
    """Of AWS's settings only the test server's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def s3() -> Iterator[S3]:
    s3 = S3()
    yield s3
    s3.close()


def refused(s3: S3, bucket: str = "bucket", key: str = "key", method: str = "GET") -> S3Error:
    with pytest.raises(S3Error) as raised:
        s3.request(method, bucket, key)
    return raised.value


@pytest.mark.parametrize("key", ["plain", "a/b c+d", "ü~*'()!.dat", "%41?x=y&z#w", "日本/語;:@,$"])
def test_what_is_stored_under_a_key_comes_back_to_us_and_to_boto3(s3: S3, server: S3Server, key: str) -> None:
    s3.request("PUT", "bucket", key, body=b"stored")
    assert server.get("bucket", key) == b"stored"
    assert s3.request("GET", "bucket", key).body == b"stored"
    assert s3.request("GET", "bucket", "", query={"list-type": "2", "prefix": key}).status == 200


@pytest.mark.parametrize("size", [0, 1, 1_000_000])
def test_a_body_comes_from_a_file_and_goes_to_a_sink(
    s3: S3, server: S3Server, tmp_path: Path, size: int
) -> None:
    (tmp_path / "file").write_bytes(data := os.urandom(10 + size + 10))
    with (tmp_path / "file").open("rb") as file:
        s3.request("PUT", "bucket", "sent", body=FileRange(file.fileno(), 10, size))
    pieces = bytearray()
    response = s3.request("GET", "bucket", "sent", sink=pieces.extend)
    assert bytes(pieces) == data[10 : 10 + size] and response.body == b""
    assert response.headers["content-length"] == str(size)


def test_a_file_that_is_shorter_than_promised_is_not_sent(s3: S3, server: S3Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"short")
    with (tmp_path / "file").open("rb") as file, pytest.raises(S3Error, match="shorter") as raised:
        s3.request("PUT", "bucket", "cut", body=FileRange(file.fileno(), 0, 6))
    assert raised.value.code == "FileCut" and not raised.value.retryable
    assert server.get("bucket", "cut") is None


def test_what_a_sink_raises_comes_through_and_the_client_works_on(s3: S3) -> None:
    s3.request("PUT", "bucket", "key", body=b"x" * 1_000_000)

    def sink(data: memoryview) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        s3.request("GET", "bucket", "key", sink=sink)
    assert len(s3.request("GET", "bucket", "key").body) == 1_000_000


@pytest.mark.parametrize(("bucket", "code"), [("bucket", "NoSuchKey"), ("no-bucket", "NoSuchBucket")])
def test_what_does_not_exist_is_named_and_not_asked_for_again(s3: S3, bucket: str, code: str) -> None:
    error = refused(s3, bucket, "missing")
    assert (error.status, error.code, error.retryable) == (404, code, False)


def test_the_answer_to_a_head_has_no_code_but_a_status(s3: S3) -> None:
    error = refused(s3, key="missing", method="HEAD")
    assert (error.status, error.code, error.retryable) == (404, "", False)


def test_a_wrong_secret_is_refused(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    error = refused(s3)
    assert (error.status, error.code, error.retryable) == (403, "SignatureDoesNotMatch", False)


def test_without_credentials_nothing_is_asked(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    error = refused(s3)
    assert (error.code, error.retryable, str(error)) == (
        "NoCredentials",
        False,
        "There are no credentials for S3.",
    )


@pytest.mark.parametrize("bucket", ["", "a/b", "ü", "a\r\nb", "arn:aws:s3:::bucket", "x" * 256])
def test_a_bucket_that_cannot_be_is_an_error_of_ours(s3: S3, bucket: str) -> None:
    error = refused(s3, bucket)
    assert (error.code, error.retryable) == ("InvalidBucketName", False)


def test_an_access_point_of_several_regions_is_refused_as_we_cannot_sign_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    error = refused(S3(), "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap")
    assert (error.code, error.retryable) == ("InvalidConfiguration", False)


def test_a_key_that_is_not_unicode_is_an_error_of_ours(s3: S3) -> None:
    assert refused(s3, key="\udc80").code == "InvalidKey"


def test_where_nothing_listens_it_may_be_tried_again_and_the_address_is_not_told() -> None:
    error = refused(S3(f"http://127.0.0.1:{(port := free_port())}"))
    assert (error.status, error.retryable) == (0, True)
    assert "127.0.0.1" not in str(error) and str(port) not in str(error)


REFUSALS = {
    (400, "RequestTimeout"): True,
    (400, "BadDigest"): True,
    (400, "ExpiredToken"): True,
    (400, "InvalidArgument"): False,
    (403, "AccessDenied"): False,
    (403, "InvalidObjectState"): False,
    (403, "RequestTimeTooSkewed"): False,
    (409, "OperationAborted"): True,
    (412, "PreconditionFailed"): False,
    (429, "TooManyRequests"): True,
    (500, "InternalError"): True,
    (501, "NotImplemented"): False,
    (503, "SlowDown"): True,
    (503, ""): True,
}


def test_a_refusal_tells_whether_asking_again_is_of_use() -> None:
    kinds = iter(REFUSALS)
    with Scripted(lambda asked: refusal(*next(kinds))) as server:
        s3 = S3(server.url)
        for (status, code), retryable in REFUSALS.items():
            error = refused(s3)
            assert (error.status, error.code, error.retryable) == (status, code, retryable)
            assert "Just so." not in str(error)  # S3's own text may name roles and accounts


def test_an_error_that_begins_as_a_success_is_an_error() -> None:
    with Scripted(lambda asked: refusal(200, "InternalError", ETag="any")) as server:
        error = refused(S3(server.url), method="POST")
        assert S3(server.url).request("GET", "bucket", "key").status == 200  # an object may say what it likes
    assert (error.code, error.retryable) == ("InternalError", True)


def only_in(region: str) -> tuple[Reply, Reply]:
    """The two ways in which S3 says where a bucket is."""
    body = f"<Error><Code>AuthorizationHeaderMalformed</Code><Region>{region}</Region></Error>".encode()
    return refusal(301, "PermanentRedirect", x_amz_bucket_region=region), answer(400, body)


@pytest.mark.parametrize("way", [0, 1])
def test_a_bucket_of_another_region_is_asked_for_there_from_then_on(way: int) -> None:
    def script(asked: Asked) -> Reply:
        return (
            answer(200, ETag="any")
            if "/eu-north-1/s3/" in asked.headers["authorization"]
            else only_in("eu-north-1")[way]
        )

    with Scripted(script) as server:
        s3 = S3(server.url)
        s3.request("GET", "bucket", "key")
        assert len(server.asked) == 2
        s3.request("GET", "bucket", "key")
        assert len(server.asked) == 3


def test_a_bucket_that_is_always_elsewhere_is_given_up() -> None:
    regions = iter(["eu-north-1", "eu-south-1", "eu-west-1"])
    with Scripted(lambda asked: only_in(next(regions))[0]) as server:
        assert refused(S3(server.url)).status == 301
        assert len(server.asked) == 2


def test_an_expired_token_is_looked_up_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def credentials(name: str) -> None:
        keys = f"aws_access_key_id={name}\naws_secret_access_key=s\naws_session_token=token-of-{name}\n"
        (tmp_path / "credentials").write_text(f"[default]\n{keys}")

    def script(asked: Asked) -> Reply:
        credentials("NEW")  # as whoever renews them does
        token, new = (
            asked.headers["x-amz-security-token"],
            "Credential=NEW/" in asked.headers["authorization"],
        )
        return answer(200, ETag="any") if new and token == "token-of-NEW" else refusal(400, "ExpiredToken")

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    credentials("OLD")
    with Scripted(script) as server:
        s3 = S3(server.url)
        retry(lambda: s3.request("GET", "bucket", "key"), "The test")
        assert len(server.asked) == 2


BUSY = "It has too many requests to answer. Send the task again later."


def test_retry_asks_up_to_six_times_and_logs_each_repeat(caplog: pytest.LogCaptureFixture) -> None:
    with Scripted(lambda asked: refusal(503, "SlowDown")) as server, caplog.at_level(logging.WARNING, "task"):
        s3 = S3(server.url)
        with pytest.raises(S3Error, match="503 SlowDown"):
            retry(lambda: s3.request("GET", "bucket", "key"), "The test")
        assert len(server.asked) == 6
    assert [record.message.partition(" in ")[0] for record in caplog.records] == [
        f"The test: S3 answered 503 SlowDown. {BUSY} Attempt {number} of 6" for number in range(2, 7)
    ]


def test_retry_does_not_ask_again_where_that_is_in_vain() -> None:
    with Scripted(lambda asked: refusal(403, "AccessDenied")) as server:
        s3 = S3(server.url)
        with pytest.raises(S3Error):
            retry(lambda: s3.request("GET", "bucket", "key"), "The test")
        assert len(server.asked) == 1


def test_retry_waits_as_long_as_s3_asks_unless_it_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()

    def attempt() -> None:
        stop.set()  # while the first attempt runs
        raise S3Error("Come back later.", retryable=True, retry_after=15)

    with pytest.raises(TaskError) as raised:
        retry(attempt, "The test", stop)
    assert raised.value.reason is Reason.STOPPED
    assert [record.message for record in caplog.records] == [
        "The test: Come back later. Attempt 2 of 6 in 15.0 s."
    ]


def test_retry_after_is_read_from_the_answer() -> None:
    with Scripted(lambda asked: refusal(503, "SlowDown", Retry_After="7")) as server:
        assert refused(S3(server.url)).retry_after == 7
