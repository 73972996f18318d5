"""The output folder to S3: what is stored, and what is not."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.output_folder import OutputFolder
from longshore_runtime.runners.algorithm.s3.store import Stored, store
from longshore_runtime.runners.algorithm.s3.upload import PART, content_type
from tests.support.s3 import S3Server

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server, pytest.MonkeyPatch.context() as patch:
        server.make_bucket("outputs")
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def s3(server: S3Server) -> S3:
    return S3()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Outside of it is a file and a folder with a file, which are nobody's output."""
    folder = tmp_path / "output"
    folder.mkdir()
    (tmp_path / "secret").write_text("not to be stored")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("not to be stored")
    return folder


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    """Another one for each test."""
    return f"{tmp_path.name}/"


def store_all(s3: S3, folder: Path, prefix: str, bucket: str = "outputs") -> list[Stored]:
    return store(s3, folder, bucket, prefix, 4, threading.Event())


def paths(stored: list[Stored]) -> list[str]:
    return [each.relative_path for each in stored]


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(TaskError) as caught:
        call()
    assert caught.value.reason is Reason.OUTPUT
    return caught.value.message


def test_every_file_is_stored_below_the_prefix_with_its_size_and_sum(
    server: S3Server, s3: S3, output: Path, prefix: str
) -> None:
    files = {
        "a.txt": b"a",
        "deep/" * 30 + "file": b"deep",
        "empty": b"",
        "just one part": os.urandom(PART),
        "two parts": os.urandom(PART + 1),
        "Zürich %41 +?&#\"'<>;=:@$,[]{}|^`~\\\t\n.json": b"{}",
        ".hidden/.file": b"hidden",
        **{f"many/{number}": str(number).encode() for number in range(50)},
    }
    for path, data in files.items():
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        (output / path).write_bytes(data)
    (output / "an empty folder").mkdir()
    assert store_all(s3, output, prefix) == [
        Stored(path, f"{prefix}{path}", len(data), hashlib.sha256(data).hexdigest())
        for path, data in sorted(files.items())
    ]
    assert {path: (server.folder / "outputs" / prefix / path).read_bytes() for path in files} == files
    assert len(server.keys("outputs", prefix)) == len(files)


def test_of_an_empty_folder_nothing_is_stored(server: S3Server, s3: S3, output: Path, prefix: str) -> None:
    assert store_all(s3, output, prefix) == []
    assert server.keys("outputs", prefix) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a/b.JSON", "application/json"),
        ("image.png", "image/png"),
        ("scan.nii.gz", "application/gzip"),
        ("data.tar.xz", "application/x-xz"),
        ("strange.Z", "application/octet-stream"),
        ("no_suffix", "application/octet-stream"),
        ("data:text/html,x.csv", "text/csv"),  # what a URL like that says of itself is not believed
        ("http://a/b.png", "image/png"),
        ("", "application/octet-stream"),
    ],
)
def test_the_content_type_is_that_of_the_name(name: str, kind: str) -> None:
    assert content_type(name) == kind


def test_objects_have_their_content_type_whether_in_parts_or_not(
    server: S3Server, s3: S3, output: Path, prefix: str
) -> None:
    (output / "small.png").write_bytes(b"png")
    with (output / "large.png").open("wb") as file:
        file.truncate(PART + 1)
    for stored in store_all(s3, output, prefix):
        head = server.client.head_object(Bucket="outputs", Key=stored.bucket_key)
        assert head["ContentType"] == "image/png"


def test_a_symlink_in_the_output_is_never_followed(
    s3: S3, output: Path, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    (output / "file").write_text("stored")
    links = {
        "to a file": output.parent / "secret",
        "to a folder": output.parent / "elsewhere",
        "to nothing": Path("nowhere"),
        "to the folder itself": Path(),
        "to a file beside it": Path("file"),
    }
    for name, target in links.items():
        (output / name).symlink_to(target)
    assert paths(store_all(s3, output, prefix)) == ["file"]
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == len(links)
    assert all(any(repr(name) in warning for warning in warnings) for name in links)
    assert (output.parent / "elsewhere" / "file").read_text() == "not to be stored"


def test_pipes_and_sockets_are_left_out_with_a_warning(
    s3: S3, output: Path, prefix: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (output / "file").write_text("stored")
    os.mkfifo(output / "pipe")
    monkeypatch.chdir(output)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket")
        assert paths(store_all(s3, output, prefix)) == ["file"]
    assert all(any(repr(name) in line for line in caplog.messages) for name in ("pipe", "socket"))


def test_what_has_the_result_files_name_is_left_out(
    server: S3Server, s3: S3, output: Path, prefix: str
) -> None:
    (output / ".sagemaker_shim").mkdir()
    (output / ".sagemaker_shim" / "inference_result.json").write_text("forged")
    (output / "deeper" / ".sagemaker_shim").mkdir(parents=True)
    (output / "deeper" / ".sagemaker_shim" / "file").write_text("an output like any other")
    stored = store_all(s3, output, prefix)
    assert paths(stored) == ["deeper/.sagemaker_shim/file"]
    assert server.keys("outputs", prefix) == [f"{prefix}deeper/.sagemaker_shim/file"]


def test_what_has_become_something_else_since_it_was_found_is_not_followed(output: Path) -> None:
    for name in ("a", "b"):
        (output / name).mkdir()
        (output / name / "file").write_text("found")
    (output / "file").write_text("found")
    (output / "pipe").write_text("found")
    with OutputFolder(output) as folder:
        found = [file.path for file in folder.files()]
        assert found == ["a/file", "b/file", "file", "pipe"]
        (output / "a").rename(output.parent / "a")
        (output / "a").symlink_to(output.parent / "elsewhere")
        (output / "file").unlink()
        (output / "file").symlink_to(output.parent / "secret")
        (output / "pipe").unlink()
        os.mkfifo(output / "pipe")
        readable = {}
        for path in found:
            with folder.open(path) as descriptor:
                readable[path] = descriptor is not None
    assert readable == {"a/file": False, "b/file": True, "file": False, "pipe": False}


def test_an_output_folder_that_is_a_link_is_an_error(s3: S3, output: Path, prefix: str) -> None:
    output.rmdir()
    output.symlink_to(output.parent / "elsewhere")
    assert "output folder cannot be read" in error_of(lambda: store_all(s3, output, prefix))


@pytest.mark.parametrize("name", [b"broken-\xff.txt", b"folder-\xc3/file"])
def test_a_name_that_is_not_utf8_is_an_error_before_anything_is_stored(
    name: bytes, server: S3Server, s3: S3, output: Path, prefix: str
) -> None:
    (output / "a").write_text("first")
    path = output / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("unnameable")
    assert repr(name) in error_of(lambda: store_all(s3, output, prefix))
    assert server.keys("outputs", prefix) == []


@pytest.mark.parametrize(("surplus", "stored"), [(0, True), (1, False)])
def test_a_key_has_1024_bytes_at_most(
    surplus: int, stored: bool, server: S3Server, s3: S3, output: Path, prefix: str
) -> None:
    left = 1024 + surplus - len(prefix)
    path = ("é" * 100 + "/") * 4  # 201 bytes each
    path += "k" * (left - len(path.encode()))
    (output / path).parent.mkdir(parents=True)
    (output / path).write_text("content")
    (output / "a").write_text("first")
    if stored:
        assert paths(store_all(s3, output, prefix)) == ["a", path]
        return
    assert "1,025 bytes" in error_of(lambda: store_all(s3, output, prefix))
    assert server.keys("outputs", prefix) == []


def test_folders_too_deep_for_any_key_are_an_error(s3: S3, output: Path, prefix: str) -> None:
    (output / Path(*["folder"] * 200)).mkdir(parents=True)
    assert "too deep" in error_of(lambda: store_all(s3, output, prefix))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_an_error_naming_it(s3: S3, output: Path, prefix: str) -> None:
    (output / "mine").write_text("alone")
    (output / "mine").chmod(0)
    assert (
        error_of(lambda: store_all(s3, output, prefix)) == "Output 'mine' cannot be read: Permission denied."
    )


def test_a_bucket_that_is_not_there_is_an_error_naming_file_and_bucket(
    s3: S3, output: Path, prefix: str
) -> None:
    (output / "file").write_text("content")
    message = error_of(lambda: store_all(s3, output, prefix, bucket="not-there"))
    assert "'file'" in message
    assert "'not-there'" in message
    assert "There is no such bucket." in message


def test_nothing_is_begun_once_the_server_stops(server: S3Server, s3: S3, output: Path, prefix: str) -> None:
    (output / "file").write_text("content")
    stop = threading.Event()
    stop.set()
    with pytest.raises(TaskError) as caught:
        store(s3, output, "outputs", prefix, 4, stop)
    assert caught.value.reason is Reason.STOPPED
    assert server.keys("outputs", prefix) == []


def test_the_log_tells_how_much_was_stored(
    s3: S3, output: Path, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "task")  # of what takes long, it says so at INFO
    for name in ("a", "b"):
        (output / name).write_bytes(bytes(MIB))
    store_all(s3, output, prefix)
    assert any("Stored 2 of 2 files, 2.1 of 2.1 MB" in line for line in caplog.messages)
