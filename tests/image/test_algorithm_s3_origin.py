"""Answers that are not S3's own: a proxy's page is no object, and proves of nothing that it is stored."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3 import failures
from longshore_runtime.runners.algorithm.s3.client import S3, S3Error
from longshore_runtime.runners.algorithm.s3.fetch import Limits, Wanted, fetch
from longshore_runtime.runners.algorithm.s3.object import Object, get, put
from longshore_runtime.runners.algorithm.s3.store import Stored, store
from tests.support.s3 import S3Server
from tests.support.scripted import Asked, Reply, Scripted, answer, refusal
from tests.support.server import Server

PAGE = b"<!DOCTYPE html><html><body>Please log in.</body></html>"
ETAG = '"65a1b2c3-37"'  # as web servers make them of a file's time and size
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(failures, "_FIRST_WAIT_S", 0.01)  # six attempts: what is not S3's is asked again


def page(status: int = 200, **headers: str) -> Callable[[Asked], Reply]:
    return lambda asked: (
        Reply(f"HTTP/1.1 {status} OK\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode())
        if asked.method == "HEAD"
        else answer(status, PAGE, Content_Type="text/html", **headers)
    )


def md5(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def bring(url: str, folder: Path) -> bytes:
    (folder / "input").mkdir(exist_ok=True)
    wanted = [Wanted("bucket", "key", folder / "input" / "file", "in/file")]
    fetch(S3(url), wanted, Limits(1, None), 2, threading.Event())
    return (folder / "input" / "file").read_bytes()


def leave(url: str, folder: Path, size: int = 10) -> list[Stored]:
    (folder / "output").mkdir()
    (folder / "output" / "file").write_bytes(bytes(size))
    return store(S3(url), folder / "output", "bucket", "p/", 2, threading.Event())


def test_a_page_in_place_of_an_object_is_no_input(tmp_path: Path) -> None:
    with Scripted(page()) as server, pytest.raises(TaskError) as caught:
        bring(server.url, tmp_path)
    assert caught.value.reason is Reason.INPUT
    assert "is not S3's own: it has no ETag. A proxy or another server" in caught.value.message
    assert len(server.asked) == 6  # it may be gone in a moment
    assert list((tmp_path / "input").iterdir()) == []


def test_users_pages_are_objects_like_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with S3Server(tmp_path / "s3") as server:
        server.make_bucket("bucket")
        server.client.put_object(Bucket="bucket", Key="key", Body=PAGE, ContentType="text/html")
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        assert bring(server.url, tmp_path) == PAGE


AWS = "http://s3.us-east-1.amazonaws.com"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
def test_at_aws_every_answer_has_a_request_id(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that is set answers in its place, with an ETag."""
    status = 204 if method == "DELETE" else 200
    body = b"" if method in ("HEAD", "DELETE") else PAGE
    with Scripted(lambda asked: answer(status, body, ETag=ETAG)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(S3Error, match="not S3's own: it has no x-amz-request-id") as caught:
            S3(AWS).request(method, "bucket", "key")
        assert (caught.value.code, caught.value.retryable) == (failures.FOREIGN, True)
    with Scripted(lambda asked: answer(status, body, ETag=ETAG, x_amz_request_id="1")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert S3(AWS).request(method, "bucket", "key").status == status


def test_the_functions_of_object_lambda_need_not_set_an_etag(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/mine"
    with Scripted(lambda asked: answer(200, b"made", x_amz_request_id="1")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("AWS_USE_SSL", "false")
        endpoint = "http://s3-object-lambda.us-east-1.amazonaws.com"
        assert S3(endpoint).request("GET", arn, "key").body == b"made"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_elsewhere_an_answer_about_an_object_has_an_etag(method: str) -> None:
    with Scripted(page()) as server, pytest.raises(S3Error, match="not S3's own"):
        S3(server.url).request(method, "bucket", "key")


@pytest.mark.parametrize(("status", "retryable"), [(302, False), (403, False), (404, False), (502, True)])
def test_a_proxys_error_is_not_taken_for_s3s(status: int, retryable: bool, tmp_path: Path) -> None:
    with Scripted(page(status)) as server:
        with pytest.raises(TaskError) as caught:
            bring(server.url, tmp_path)
        assert len(server.asked) == (6 if retryable else 1)
    assert f"The answer ({status}) is not S3's own" in caught.value.message
    assert "there is no object" not in caught.value.message


@pytest.mark.parametrize("script", [page(), page(ETag=ETAG)])
def test_a_page_in_answer_to_a_put_stores_no_output(script: Callable[[Asked], Reply], tmp_path: Path) -> None:
    with Scripted(script) as server, pytest.raises(TaskError) as caught:
        leave(server.url, tmp_path)
    assert caught.value.reason is Reason.OUTPUT
    assert "is not S3's own" in caught.value.message


@pytest.mark.parametrize(
    ("length", "etag", "stored"), [(10, ETAG, True), (55, ETAG, False), (10, "new", False)]
)
def test_where_the_etag_is_no_md5_another_server_is_asked_what_it_has(
    length: int, etag: str, stored: bool, tmp_path: Path
) -> None:
    head = Reply(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: {etag}\r\n\r\n".encode())
    with Scripted(lambda asked: head if asked.method == "HEAD" else answer(200, ETag=ETAG)) as server:
        if stored:
            assert [each.size for each in leave(server.url, tmp_path)] == [10]
        else:
            with pytest.raises(TaskError, match="no proof that the object is stored"):
                leave(server.url, tmp_path)


def test_s3_itself_is_believed_where_its_keys_make_the_etag(tmp_path: Path) -> None:
    """It has compared the bytes with Content-MD5; nobody may be allowed to read them."""
    with Scripted(lambda asked: answer(200, ETag='"opaque"', x_amz_request_id="1")) as server:
        assert len(leave(server.url, tmp_path)) == 1
        assert [asked.method for asked in server.asked] == ["PUT"]
        assert "content-md5" in server.asked[0].headers


@pytest.mark.parametrize("kind", ["create", "part", "complete"])
def test_a_page_in_answer_to_any_step_of_an_upload_stores_no_output(kind: str, tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        step = {"PUT": "part", "DELETE": "abort", "HEAD": "head", "GET": "list"}.get(asked.method)
        step = step or ("create" if "uploads=" in asked.target else "complete")
        if step == kind:
            return page(ETag=ETAG)(asked)
        if step == "create":
            return answer(200, b"<UploadId>one</UploadId>")
        if step == "part":
            return answer(200, ETag=md5(asked.body))
        if step == "list":
            return answer(200, b"<ListMultipartUploadsResult></ListMultipartUploadsResult>")
        return answer(204) if step == "abort" else page(ETag=ETAG)(asked)

    with Scripted(script) as server, pytest.raises(TaskError) as caught:
        leave(server.url, tmp_path, 9 * MIB)
    assert caught.value.reason is Reason.OUTPUT


def test_a_page_is_no_list_of_uploads_and_no_removal() -> None:
    with Scripted(page()) as server:
        target = Object(S3(server.url), "bucket", "key", "Output 'x'", None)
        with pytest.raises(S3Error, match="no list of uploads"):
            target.uploads(threading.Event())
        with pytest.raises(S3Error, match="no status 204"):
            target.request("DELETE", {"uploadId": "one"})


def test_small_objects_of_ours_are_stored_when_their_md5_came_back() -> None:
    with Scripted(lambda asked: answer(200, ETag=md5(asked.body))) as server:
        put(S3(server.url), "bucket", "key", b"content", {"x-amz-meta-a": "b"}, "storing it")
        assert server.asked[0].headers["x-amz-meta-a"] == "b" and "content-md5" in server.asked[0].headers
    wrong = iter([md5(b"other"), "", ETAG, ETAG])
    with Scripted(lambda asked: answer(200, ETag=next(wrong))) as server:
        target = Object(S3(server.url), "bucket", "key", "it", None)
        for _ in range(3):
            with pytest.raises(S3Error):
                target.put(hashlib.md5(b"content", usedforsecurity=False).digest(), {}, b"content")


def test_small_objects_of_ours_are_read_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result file with many outputs has more than the 16 MiB that other answers may have."""
    content = os.urandom(20 * MIB)
    with S3Server(tmp_path) as server:
        server.make_bucket("bucket")
        server.put("bucket", "key", content)
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        assert get(S3(server.url), "bucket", "key", len(content), "reading it").body == content
        with pytest.raises(S3Error, match="more than 20,971,519 bytes"):
            get(S3(server.url), "bucket", "key", len(content) - 1, "reading it")
    with Scripted(lambda asked: answer(200, b"changed", ETag=md5(b"content"))) as broken:
        with pytest.raises(S3Error, match="checksum"):
            get(S3(broken.url), "bucket", "key", 100, "reading it")
        assert len(broken.asked) == 6


def test_a_result_file_that_a_proxy_took_is_no_result(tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        return refusal(404, "NoSuchKey") if asked.method == "GET" else page()(asked)

    with Scripted(script) as s3:
        variables = {"ALGORITHM_COMMAND": "true", "AWS_ENDPOINT_URL_S3": s3.url}
        variables |= {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}
        with Server(tmp_path, None, True, None, None, (), **variables) as server:
            task = {"pk": "1", "inputs": [], "output_bucket_name": "bucket", "output_prefix": "p"}
            response = server.post(task)
    assert response.status_code == 502
    assert "result file could not be stored: The answer (200) is not S3's own" in response.text


def test_wrong_bytes_do_not_stay_where_they_were_stored(tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        return answer(204) if asked.method == "DELETE" else answer(200, ETag=md5(b"other"))

    with Scripted(script) as server, pytest.raises(TaskError, match="stored other bytes"):
        leave(server.url, tmp_path)
    assert server.asked[-1].method == "DELETE"


@pytest.mark.parametrize("weak", ["", "W/"])
def test_bytes_that_a_proxy_compressed_are_no_input(weak: str, tmp_path: Path) -> None:
    data = b"text " * 1000

    def script(asked: Asked) -> Reply:
        assert asked.headers["accept-encoding"] == "identity"
        return answer(200, gzip.compress(data), ETag=weak + md5(data), Content_Encoding="gzip")

    with Scripted(script) as server, pytest.raises(TaskError, match="came with Content-Encoding 'gzip'"):
        bring(server.url, tmp_path)


def test_bytes_that_are_stored_compressed_arrive_as_they_are_stored(tmp_path: Path) -> None:
    data = gzip.compress(b"text " * 1000)
    with Scripted(lambda asked: answer(200, data, ETag=md5(data), Content_Encoding="gzip")) as server:
        assert bring(server.url, tmp_path) == data


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed_and_says_what_to_look_at(status: int, tmp_path: Path) -> None:
    with Scripted(lambda asked: answer(200, b"secret", ETag=md5(b"secret"))) as other:
        elsewhere = refusal(status, "TemporaryRedirect", Location=other.url)
        with Scripted(lambda asked: elsewhere) as server, pytest.raises(TaskError) as caught:
            bring(server.url, tmp_path)
        assert other.asked == []
    assert "check the region and the endpoint" in caught.value.message
