"""Large outputs: files that change while they are stored, memory, and what another S3 says of the parts."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.store import Stored, store
from longshore_runtime.runners.algorithm.s3.upload import PART
from tests.support import fault_proxy
from tests.support.fault_proxy import Action, Cut, FaultProxy, FlipRequest, PassOn, Refuse, Request
from tests.support.s3 import MotoServer, S3Server
from tests.support.scripted import Asked, Reply, Scripted, answer
from tests.support.server import CHECKOUT

SIZE = PART + 1000
# Run by a Python of its own, so that nothing but the store is in its memory.
STORE = """
import json, sys, threading
from pathlib import Path
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.store import store

(stored,) = store(S3(), Path(sys.argv[1]), "outputs", "", 16, threading.Event())
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
print(json.dumps({"sha256": stored.sha256, "peak_kib": peak}))
"""


@pytest.fixture(scope="module", autouse=True)
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in MotoServer().environment().items():
            patch.setenv(name, value)  # both servers take these credentials; the clients are told the address
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("outputs")
        yield server


@pytest.fixture
def moto() -> Iterator[MotoServer]:
    with MotoServer() as moto:
        moto.make_bucket("outputs")
        yield moto


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder with one file, large enough for two parts."""
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "file").write_bytes(os.urandom(SIZE))
    return folder


def store_all(url: str, folder: Path, prefix: str = "") -> list[Stored]:
    return store(S3(url), folder, "outputs", prefix, 4, threading.Event())


def at_first(kind: str, act: Callable[[], object]) -> fault_proxy.Fault:
    """Does what is told when the first request of this kind has come to the proxy, and passes all on."""

    def fault(request: Request) -> Action:
        if request.kind == kind and request.number == 1:
            act()
        return PassOn()

    return fault


def overwrite(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(bytes(1000))


def append(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(bytes(1000))


def test_a_file_that_becomes_shorter_is_an_error_naming_it(server: S3Server, output: Path) -> None:
    file = output / "file"
    fault = at_first("create", lambda: os.truncate(file, 1000))
    with FaultProxy(server.url, fault) as proxy, pytest.raises(TaskError, match="became shorter") as caught:
        store_all(proxy.url, output)
    assert "'file'" in caught.value.message
    assert caught.value.reason is Reason.OUTPUT
    assert server.uploads("outputs") == server.leftovers() == []


def test_a_file_that_changes_after_a_part_was_sent_is_an_error_naming_it(
    server: S3Server, output: Path
) -> None:
    sent = threading.Event()

    def fault(request: Request) -> Action:
        if request.query.get("partNumber") == ["1"] and not sent.is_set():
            sent.set()  # the proxy has all of it
            overwrite(output / "file")
        return PassOn()

    with FaultProxy(server.url, fault) as proxy, pytest.raises(TaskError, match="was changed") as caught:
        store_all(proxy.url, output)
    assert "'file'" in caught.value.message
    assert caught.value.reason is Reason.OUTPUT
    assert server.get("outputs", "file") is None
    assert server.uploads("outputs") == server.leftovers() == []


def test_of_a_file_that_grows_what_was_there_at_first_is_stored(server: S3Server, output: Path) -> None:
    file = output / "file"
    content = file.read_bytes()
    with FaultProxy(server.url, at_first("part", lambda: append(file))) as proxy:
        (stored,) = store_all(proxy.url, output, "grown/")
    assert (stored.size, stored.sha256) == (SIZE, hashlib.sha256(content).hexdigest())
    assert server.get("outputs", "grown/file") == content


def test_memory_does_not_grow_with_the_file(server: S3Server, output: Path) -> None:
    size = 512 * 1024 * 1024
    os.truncate(output / "file", size)
    run = subprocess.run(
        [sys.executable, "-c", STORE, str(output)],
        env={**os.environ, **server.environment(), "PYTHONPATH": str(CHECKOUT / "container")},
        stdout=subprocess.PIPE,
        timeout=120,
        check=True,
    )
    told: dict[str, Any] = json.loads(run.stdout)
    stored = server.folder / "outputs" / "file"
    with stored.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == told["sha256"]
    stored.unlink()
    assert told["peak_kib"] < 150 * 1024


def test_moto_takes_the_parts_as_rclone_does(moto: MotoServer, output: Path) -> None:
    (output / "small").write_bytes(b"small")
    stored = store_all(moto.url, output)
    for each in stored:
        content = (output / each.relative_path).read_bytes()
        assert moto.get("outputs", each.bucket_key) == content
        assert each.sha256 == hashlib.sha256(content).hexdigest()
    assert moto.client.head_object(Bucket="outputs", Key="file")["ETag"].endswith('-2"')
    assert moto.uploads("outputs") == []


def test_where_the_answer_to_complete_is_lost_the_object_is_looked_at_and_not_sent_again(
    moto: MotoServer, output: Path
) -> None:
    def fault(request: Request) -> Action:
        if request.kind != "complete":
            return PassOn()
        # moto would answer the second as the first.
        return Cut(applied=True) if request.number == 1 else Refuse(404, "NoSuchUpload")

    with FaultProxy(moto.url, fault) as proxy:
        (stored,) = store_all(proxy.url, output)
        assert (proxy.count("complete"), proxy.count("head"), proxy.count("part")) == (2, 1, 2)
    assert hashlib.sha256(moto.get("outputs", "file") or b"").hexdigest() == stored.sha256
    assert moto.uploads("outputs") == []


def test_an_object_that_is_not_what_was_sent_is_not_taken_for_it(moto: MotoServer, output: Path) -> None:
    """As above, but S3 has an older object there, and did not complete the upload."""
    moto.put("outputs", "file", bytes(SIZE))
    fault = fault_proxy.first(Refuse(404, "NoSuchUpload"), "complete")
    with FaultProxy(moto.url, fault) as proxy:
        store_all(proxy.url, output)
    assert moto.get("outputs", "file") == (output / "file").read_bytes()
    assert moto.uploads("outputs") == []


@pytest.mark.parametrize(("kind", "wrong", "sent"), [("put", 1, 2), ("part", 2, 4)])
def test_an_etag_that_is_not_the_md5_is_not_taken(
    kind: str, wrong: int, sent: int, moto: MotoServer, output: Path
) -> None:
    """moto does not look at Content-MD5, so a changed byte is stored, and found by the ETag."""
    (output / "small").write_bytes(b"small")

    def fault(request: fault_proxy.Request) -> fault_proxy.Action:
        """Of the parts the last one: after the first, the other need not be sent any more."""
        flipped = (request.kind, request.number) == (kind, wrong)
        return FlipRequest() if flipped else fault_proxy.PassOn()

    with FaultProxy(moto.url, fault) as proxy:
        store_all(proxy.url, output)
        assert proxy.count(kind) == sent
    for path in ("small", "file"):
        assert moto.get("outputs", path) == (output / path).read_bytes()


def test_under_kms_the_etag_is_anything_and_taken(moto: MotoServer, output: Path) -> None:
    """moto's ETag stays the MD5 under KMS; as S3's does not, a byte is changed where nobody checks it."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}}
    moto.client.put_bucket_encryption(Bucket="outputs", ServerSideEncryptionConfiguration={"Rules": [rule]})
    (output / "file").write_bytes(b"small")
    with FaultProxy(moto.url, fault_proxy.first(FlipRequest(), "put")) as proxy:
        store_all(proxy.url, output)
        assert proxy.count("put") == 1


@pytest.mark.parametrize(
    ("begun", "part", "told"),
    [
        ({}, "", {False}),
        ({"x_amz_server_side_encryption": "aws:kms"}, "anything", {True}),
        ({}, "not-an-md5", {False, True}),  # found out with a part, which is sent again
    ],
    ids=["plain", "kms", "odd"],
)
def test_s3_is_told_the_md5_of_a_part_just_where_its_etag_would_not_show_it(
    begun: dict[str, Any], part: str, told: set[bool], output: Path
) -> None:
    """moto's KMS does not change its ETags, as S3's does."""
    parts: list[Asked] = []

    def s3(asked: Asked) -> Reply:
        if asked.method == "POST" and asked.target.endswith("?uploads="):
            return answer(200, b"<UploadId>one</UploadId>", **begun)
        if asked.method == "HEAD":  # as the last answer has no request id of S3's
            return Reply(f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nETag: any\r\n\r\n".encode())
        if asked.method == "PUT":
            parts.append(asked)
            md5 = hashlib.md5(asked.body, usedforsecurity=False).hexdigest()
            return answer(200, etag=part or md5)
        return answer(200, b"<CompleteMultipartUploadResult><ETag>any</ETag></CompleteMultipartUploadResult>")

    with Scripted(s3) as server:
        (stored,) = store_all(server.url, output)
    assert stored.size == SIZE
    assert {"content-md5" in asked.headers for asked in parts} == told
    last = {asked.target: "content-md5" in asked.headers for asked in parts}
    assert set(last.values()) == {True in told}


def test_a_failed_upload_leaves_no_parts_at_moto_either(moto: MotoServer, output: Path) -> None:
    fault = fault_proxy.first(Refuse(403, "AccessDenied"), "complete")
    with FaultProxy(moto.url, fault) as proxy, pytest.raises(TaskError, match="Access is denied"):
        store_all(proxy.url, output)
    assert moto.uploads("outputs") == []


def test_a_policy_that_denies_is_a_clear_error(moto: MotoServer, output: Path) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::outputs/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    moto.client.put_bucket_policy(Bucket="outputs", Policy=policy)
    with pytest.raises(TaskError, match="Access is denied") as caught:
        store_all(moto.url, output)
    assert "'file' could not be stored in bucket 'outputs'" in caught.value.message
