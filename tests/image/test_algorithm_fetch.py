"""Objects to files, against real servers."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.fetch import Fetched, Limits, Wanted, fetch
from tests.support.disk import small_disk
from tests.support.s3 import MotoServer, S3Server

MIB = 1024 * 1024
PART = 8 * MIB  # what the first request asks for
ANY = Limits(files=10_000, bytes=None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("bucket")
        yield server


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, server: S3Server, tmp_path: Path) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


@pytest.fixture
def s3() -> Iterator[S3]:
    s3 = S3()
    yield s3
    s3.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "input").mkdir()
    return tmp_path / "input"


def bring(s3: S3, folder: Path, *keys: str, limits: Limits = ANY, connections: int = 4) -> list[Fetched]:
    wanted = [
        Wanted("bucket", key, folder / f"file {number}", f"in/{key}") for number, key in enumerate(keys)
    ]
    return fetch(s3, wanted, limits, connections, threading.Event())


def refused(s3: S3, folder: Path, *keys: str, limits: Limits = ANY) -> TaskError:
    """The error, after which nothing half is left."""
    with pytest.raises(TaskError) as raised:
        bring(s3, folder, *keys, limits=limits)
    assert not list(folder.glob(".*"))
    return raised.value


@pytest.mark.parametrize("connections", [1, 4])
def test_objects_of_every_size_become_files_in_the_order_asked_for(
    s3: S3, server: S3Server, folder: Path, connections: int
) -> None:
    sizes = [0, 1, 100_000, PART - 1, PART, PART + 1, 3 * PART + 5]
    contents = [os.urandom(size) for size in sizes]
    for size, content in zip(sizes, contents, strict=True):
        (server.folder / "bucket" / f"of {size}").write_bytes(content)
    fetched = bring(s3, folder, *(f"of {size}" for size in sizes), connections=connections)
    assert fetched == [Fetched(folder / f"file {n}", size) for n, size in enumerate(sizes)]
    for one, content in zip(fetched, contents, strict=True):
        assert hashlib.sha256(one.path.read_bytes()).digest() == hashlib.sha256(content).digest()
    assert len(list(folder.iterdir())) == len(sizes)


def test_no_inputs_are_no_files(s3: S3, folder: Path) -> None:
    assert bring(s3, folder) == []


def test_many_small_objects_are_all_there(s3: S3, server: S3Server, folder: Path) -> None:
    (server.folder / "bucket" / "many").mkdir()
    keys = [f"many/{number}" for number in range(300)]
    for key in keys:
        (server.folder / "bucket" / key).write_text(key * 100)
    for key, one in zip(keys, bring(s3, folder, *keys, connections=8), strict=True):
        assert one.path.read_text() == key * 100


def test_a_missing_object_is_named_as_the_user_names_it(s3: S3, folder: Path) -> None:
    error = refused(s3, folder, "missing")
    assert error.reason is Reason.INPUT
    assert error.message == "Input 'in/missing': there is no object 'missing' in bucket 'bucket'."


def test_a_missing_bucket_is_named(s3: S3, folder: Path) -> None:
    with pytest.raises(TaskError, match="Input 'in/a': there is no bucket 'no-bucket'") as raised:
        fetch(s3, [Wanted("no-bucket", "k", folder / "a", "in/a")], ANY, 2, threading.Event())
    assert raised.value.reason is Reason.INPUT


def test_without_credentials_the_task_fails_and_says_so(
    s3: S3, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "There are no credentials for S3." in refused(s3, folder, "key").message


def test_more_files_than_the_limit_are_refused_before_anything_is_asked(folder: Path) -> None:
    error = refused(S3("http://127.0.0.1:1"), folder, "a", "b", "c", limits=Limits(2, None))
    assert error.reason is Reason.INPUT
    assert error.message == "There are 3 inputs; the limit is 2 files."


def test_more_bytes_than_the_limit_are_refused(s3: S3, server: S3Server, folder: Path) -> None:
    for key in ("a", "b", "c"):
        server.put("bucket", key, b"x" * 400_000)
    assert len(bring(s3, folder, "a", "b", "c", limits=Limits(3, 1_200_000))) == 3
    error = refused(s3, folder, "a", "b", "c", limits=Limits(3, 1_199_999))
    assert error.reason is Reason.INPUT and error.message.endswith("the limit is 1,199,999.")


def test_a_large_object_above_the_limit_is_refused_by_its_size(
    s3: S3, server: S3Server, folder: Path
) -> None:
    with (server.folder / "bucket" / "large").open("wb") as file:
        file.truncate(200 * MIB)
    message = refused(s3, folder, "large", limits=Limits(1, 100 * MIB)).message
    assert message == "The inputs have at least 209,715,200 bytes together; the limit is 104,857,600."


def test_what_does_not_fit_on_the_disk_is_refused_before_it_is_fetched(
    s3: S3, server: S3Server, tmp_path: Path, folder: Path
) -> None:
    with (server.folder / "bucket" / "large").open("wb") as file:
        file.truncate(64 * MIB)
    with small_disk(folder, "32m") as disk:
        error = refused(s3, disk, "large")
    assert error.reason is Reason.DISK
    assert "58,720,256 more" in error.message  # all but the first part


def test_a_disk_that_is_full_ends_the_task_with_that_reason(s3: S3, server: S3Server, folder: Path) -> None:
    server.put("bucket", "key", b"x" * 500_000)
    with small_disk(folder, "256k") as disk:
        error = refused(s3, disk, "key")
    assert error.reason is Reason.DISK and error.message == "Input 'in/key': the disk is full."


def test_a_link_at_the_target_is_replaced_and_not_followed(s3: S3, server: S3Server, folder: Path) -> None:
    server.put("bucket", "key", b"new")
    (folder.parent / "elsewhere").write_text("untouched")
    (folder / "file 0").symlink_to(folder.parent / "elsewhere")
    bring(s3, folder, "key")
    assert (folder.parent / "elsewhere").read_text() == "untouched"
    assert not (folder / "file 0").is_symlink() and (folder / "file 0").read_bytes() == b"new"


def test_a_folder_at_the_target_is_an_error_in_words(s3: S3, server: S3Server, folder: Path) -> None:
    server.put("bucket", "key", b"new")
    (folder / "file 0").mkdir()
    error = refused(s3, folder, "key")
    assert error.reason is Reason.INPUT and error.message.startswith("Input 'in/key': the file cannot be")


def test_the_log_tells_how_much_came(
    s3: S3, server: S3Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.put("bucket", "key", b"x" * 2_500_000)
    with caplog.at_level(logging.DEBUG, "task"):  # of what takes long, it says so at INFO
        bring(s3, folder, "key", "key")
    assert "Fetched 2 of 2 files, 5.0 of 5.0 MB known so far, " in caplog.messages[-1]


def test_lines_of_the_threads_belong_to_the_request(s3: S3, server: S3Server, folder: Path) -> None:
    seen = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((logs.request_id.get(), record.getMessage()))

    server.put("bucket", "key", b"x")
    logger, handler = logs.get("task"), Handler()
    token, level = logs.request_id.set("request-1"), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        bring(s3, folder, "key")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logs.request_id.reset(token)
    assert ("request-1", "Input 'in/key': checked by its md5.") in seen


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    with MotoServer() as moto:
        moto.make_bucket("bucket")
        yield moto


def test_an_object_that_was_uploaded_in_parts_is_checked_by_its_etag(
    moto: MotoServer, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content, parts, client = os.urandom(11 * MIB), [], moto.client
    upload = {"Bucket": "bucket", "Key": "parts"}
    upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
    for number in (1, 2, 3):
        piece = content[(number - 1) * 5 * MIB : number * 5 * MIB]
        etag = client.upload_part(**upload, PartNumber=number, Body=piece)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    with caplog.at_level(logging.DEBUG, "task"):
        (one,) = bring(S3(moto.url), folder, "parts")
    assert one.path.read_bytes() == content
    assert "Input 'in/parts': checked by its md5." in caplog.messages


@pytest.mark.parametrize(("algorithm", "name"), [("SHA256", "sha256"), ("CRC32", "crc32"), ("SHA1", "sha1")])
def test_an_object_whose_etag_says_nothing_is_checked_by_its_checksum(
    moto: MotoServer, folder: Path, caplog: pytest.LogCaptureFixture, algorithm: str, name: str
) -> None:
    moto.client.put_object(
        Bucket="bucket",
        Key="kms",
        Body=b"x" * 1000,
        ServerSideEncryption="aws:kms",
        ChecksumAlgorithm=algorithm,
    )
    with caplog.at_level(logging.DEBUG, "task"):
        (one,) = bring(S3(moto.url), folder, "kms")
    assert one.path.read_bytes() == b"x" * 1000
    assert f"Input 'in/kms': checked by its {name}." in caplog.messages
