"""No wrong byte becomes a file: objects that arrive broken, change, or are checked in one way of several."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import re
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.fetch import Limits, Wanted, fetch
from tests.support.scripted import Asked, Reply, Scripted, answer, refusal

MIB = 1024 * 1024
PART = 8 * MIB  # what the first request asks for
LARGE = os.urandom(2 * PART + 1000)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@dataclass
class Object:
    """Answers as S3 does for one object. parts: the sizes of the parts it was uploaded in, if it was.

    before: may answer in its place; it is given the number of the GET, from 1, or 0 for a HEAD.
    ranges, matching: whether Range and If-Match are heeded. whole: headers of answers with all of it.
    """

    data: bytes
    etag: str = ""
    parts: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    matching: bool = True
    before: Callable[[int, Asked], Reply | None] = lambda number, asked: None
    gets: int = 0
    heads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, asked: Asked) -> Reply:
        with self._lock:
            self.gets += asked.method == "GET"
            self.heads += asked.method == "HEAD"
            number = self.gets if asked.method == "GET" else 0
        if (reply := self.before(number, asked)) is not None:
            return reply
        etag = f'"{self.etag or md5(self.data)}"'
        if self.matching and asked.headers.get("if-match", etag) != etag:
            return refusal(412, "PreconditionFailed")
        if asked.method == "HEAD":
            return self._head(asked, etag)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("range", ""))
        if found is None or not self.ranges:
            return answer(200, self.data, ETag=etag, **self.headers, **self.whole)
        if int(found[1]) >= len(self.data):
            return refusal(416, "InvalidRange")
        body = self.data[int(found[1]) : int(found[2]) + 1]
        span = f"bytes {found[1]}-{int(found[1]) + len(body) - 1}/{len(self.data)}"
        whole = self.whole if len(body) == len(self.data) else {}
        return answer(206, body, ETag=etag, Content_Range=span, **self.headers, **whole)

    def _head(self, asked: Asked, etag: str) -> Reply:
        length, headers = len(self.data), self.headers
        if number := re.search(r"partNumber=(\d+)", asked.target):
            length = self.parts[int(number[1]) - 1]
            headers = {**headers, "x_amz_mp_parts_count": str(len(self.parts))}
        else:
            headers = {**headers, **self.whole}
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
        return Reply(
            f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: {etag}\r\n{''.join(lines)}\r\n".encode()
        )


def bring(folder: Path, thing: Object, limits: Limits = Limits(1, None)) -> bytes:  # noqa: B008 (frozen)
    """The file that this object becomes; nothing else may be in the folder then."""
    with Scripted(thing) as server:
        wanted = [Wanted("bucket", "key", folder / "file", "in/file")]
        fetch(S3(server.url), wanted, limits, 3, threading.Event())
    assert [path.name for path in folder.iterdir()] == ["file"]
    return (folder / "file").read_bytes()


def composite(data: bytes, sizes: list[int]) -> str:
    digests, offset = b"", 0
    for size in sizes:
        digests += hashlib.md5(data[offset : offset + size], usedforsecurity=False).digest()
        offset += size
    return f"{md5(digests)}-{len(sizes)}"


def b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


WAYS: dict[str, Callable[[bytes], Object]] = {
    "etag": lambda data: Object(data, md5(data)),
    "sha256": lambda data: Object(
        data, "anything", whole={"x_amz_checksum_sha256": b64(hashlib.sha256(data).digest())}
    ),
    "sha1": lambda data: Object(
        data,
        "anything",
        whole={"x_amz_checksum_sha1": b64(hashlib.sha1(data, usedforsecurity=False).digest())},
    ),
    "crc32": lambda data: Object(
        data, "anything", whole={"x_amz_checksum_crc32": b64(zlib.crc32(data).to_bytes(4, "big"))}
    ),
    "parts": lambda data: Object(
        data,
        composite(data, sizes := [5 * MIB] * (len(data) // (5 * MIB)) + [len(data) % (5 * MIB)]),
        sizes,
        # A checksum of checksums is no checksum of the bytes.
        whole={"x_amz_checksum_sha256": f"{b64(bytes(32))}-{len(sizes)}"},
    ),
}


@pytest.mark.parametrize("size", [1000, len(LARGE)])
@pytest.mark.parametrize("way", WAYS)
def test_a_flipped_bit_is_seen_by_each_kind_of_checksum(tmp_path: Path, way: str, size: int) -> None:
    data = LARGE[:size]
    right, wrong = WAYS[way](data), WAYS[way](data)
    wrong.data = flipped(data)
    number_of_parts = -(-size // PART)
    # All of the first attempt is of the wrong object, all of the second of the right one.
    right.before = lambda number, asked: wrong(asked) if 0 < number <= number_of_parts else None
    assert bring(tmp_path, right) == data
    assert right.gets == 2 * number_of_parts


def test_a_small_object_costs_one_request(tmp_path: Path) -> None:
    for way in ("etag", "sha256", "sha1", "crc32"):
        thing = WAYS[way](b"small")
        assert bring(tmp_path, thing) == b"small"
        assert (thing.gets, thing.heads) == (1, 0)


def test_an_object_that_is_always_broken_ends_the_task(tmp_path: Path) -> None:
    thing = Object(b"broken", md5(b"whole"))
    with pytest.raises(TaskError) as raised:
        bring(tmp_path, thing)
    assert raised.value.reason is Reason.INPUT
    assert raised.value.message == (
        "Input 'in/file': object 'key' in bucket 'bucket' could not be fetched: "
        "What arrived does not have the object's checksum."
    )
    assert thing.gets == 6 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("headers", "etag"),
    [
        ({"x_amz_server_side_encryption": "aws:kms"}, md5(b"other")),
        ({"x_amz_server_side_encryption": "aws:kms:dsse"}, md5(b"other")),
        ({"x_amz_server_side_encryption_customer_algorithm": "AES256"}, md5(b"other")),
        ({}, "not-an-md5"),
        ({}, md5(b"other") + "-3"),  # the server does not tell of the parts
    ],
)
def test_an_etag_that_is_no_md5_of_the_bytes_is_not_taken_for_one(
    tmp_path: Path, headers: dict[str, str], etag: str
) -> None:
    assert bring(tmp_path, Object(b"data", etag, parts=[4], headers=headers)) == b"data"


def test_parts_of_different_sizes_are_no_reason_to_refuse_an_object(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sizes = [6 * MIB, 5 * MIB, len(LARGE) - 11 * MIB]  # as many as if each but the last had 6 MiB
    with caplog.at_level(logging.DEBUG, "task"):
        assert bring(tmp_path, Object(LARGE, composite(LARGE, sizes), sizes)) == LARGE
    assert "Input 'in/file': its parts differ in size, so its ETag cannot be checked." in caplog.messages


@pytest.mark.parametrize("matching", [True, False])
def test_an_object_that_changes_while_it_is_read_is_of_one_version(tmp_path: Path, matching: bool) -> None:
    # Such ETags cannot tell which bytes are right: only that all parts are of one version.
    new, thing = Object(bytes(reversed(LARGE)), "new", matching=matching), Object(LARGE, "old")
    thing.before = lambda number, asked: None if number == 1 else new(asked)
    assert bring(tmp_path, thing) == new.data


def test_parts_are_asked_for_in_the_version_of_the_first(tmp_path: Path) -> None:
    conditions = []
    thing = Object(LARGE, "first")
    thing.before = lambda number, asked: conditions.append(asked.headers.get("if-match"))
    bring(tmp_path, thing)
    assert conditions.count('"first"') == 2  # not for the first part, nor for a HEAD


def test_a_part_that_is_cut_is_fetched_again_alone(tmp_path: Path) -> None:
    thing = Object(LARGE)
    cut = f"HTTP/1.1 206 OK\r\nContent-Length: {PART}\r\n\r\nabc".encode()
    thing.before = lambda number, asked: Reply(cut, close=True) if number == 2 else None
    assert bring(tmp_path, thing) == LARGE
    assert thing.gets == 4


def test_a_part_that_is_another_than_asked_for_is_fetched_again(tmp_path: Path) -> None:
    thing, etag = Object(LARGE), f'"{md5(LARGE)}"'
    other = answer(206, LARGE[:1000], ETag=etag, Content_Range=f"bytes 0-999/{len(LARGE)}")
    longer = answer(206, LARGE, ETag=etag, Content_Range=f"bytes {2 * PART}-{len(LARGE) - 1}/{len(LARGE)}")
    thing.before = lambda number, asked: {2: other, 3: longer}.get(number)
    assert bring(tmp_path, thing) == LARGE
    assert thing.gets == 5


def test_a_server_without_ranges_sends_all_at_once(tmp_path: Path) -> None:
    thing = Object(LARGE, ranges=False)
    assert bring(tmp_path, thing) == LARGE
    assert thing.gets == 1


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AccessDenied", "access to object 'key' in bucket 'bucket' is denied, or there is none."),
        (403, "InvalidObjectState", "object 'key' in bucket 'bucket' is archived: restore it first."),
    ],
)
def test_a_refusal_is_put_in_words(tmp_path: Path, status: int, code: str, words: str) -> None:
    thing = Object(b"", before=lambda number, asked: refusal(status, code))
    with pytest.raises(TaskError) as raised:
        bring(tmp_path, thing)
    assert (raised.value.reason, raised.value.message) == (Reason.INPUT, f"Input 'in/file': {words}")


def test_the_limit_holds_for_a_server_that_sends_more_than_it_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="the limit is 9,000,000"):
        bring(tmp_path, Object(LARGE, ranges=False), limits=Limits(1, 9_000_000))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_asked_for_once_the_server_stops(tmp_path: Path) -> None:
    thing, stop = Object(b"data"), threading.Event()
    with Scripted(thing) as server:
        s3, wanted = S3(server.url), [Wanted("bucket", "key", tmp_path / "file", "in/file")]
        fetch(s3, wanted, Limits(1, None), 1, stop)  # now it knows where the bucket is, and asks at once
        stop.set()
        with pytest.raises(TaskError) as raised:
            fetch(s3, wanted, Limits(1, None), 1, stop)
    assert thing.gets == 1
    assert raised.value.reason is Reason.STOPPED


@pytest.mark.parametrize("stopping", [True, False])
def test_a_failure_or_a_stop_ends_what_else_is_on_its_way(tmp_path: Path, stopping: bool) -> None:
    release, begun, stop = threading.Event(), threading.Event(), threading.Event()

    def script(asked: Asked) -> Reply | None:
        """Answers nothing until it is released, but that one key is missing, once another was asked for."""
        if asked.target == "/bucket/missing":
            begun.wait(60)
            return refusal(404, "NoSuchKey")
        begun.set()
        if stopping:
            stop.set()
        release.wait(60)
        return None

    keys = ["first", "second"] if stopping else ["first", "missing", "third", "fourth"]
    with Scripted(script) as server:
        wanted = [Wanted("bucket", key, tmp_path / key, key) for key in keys]
        with pytest.raises(TaskError) as raised:
            fetch(S3(server.url), wanted, Limits(9, None), 2, stop)
        asked = {one.target for one in server.asked}
        release.set()  # not before: nobody waited for those that are silent
    assert raised.value.reason is (Reason.STOPPED if stopping else Reason.INPUT)
    assert asked <= {f"/bucket/{key}" for key in keys[:2]}
    assert list(tmp_path.iterdir()) == []
