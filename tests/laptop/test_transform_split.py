"""Batch transform: objects as records, records as the bodies of requests."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.emulator.faults import Failure
from longshore.emulator.jobs.transform import split
from longshore.emulator.jobs.transform.split import Batch, Record

MAGIC = struct.pack("<I", 0xCED7230A)


class Trickle(io.BytesIO):
    """Gives at most three bytes a read, as a network may, and notes the most that was asked for."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.most = max(self.most, size or 0)
        return super().read(min(3, size) if size is not None and size >= 0 else 3)


def read(content: bytes, kind: str, limit: int | None = None) -> list[Record]:
    return list(split.records(io.BytesIO(content), kind, name="s3://b/k", limit=limit))


def batch(content: bytes, kind: str, *, single: bool = False, limit: int | None = None) -> list[Batch]:
    def sent(record: Record) -> bytes:
        return record.bare if single else record.framed

    return list(
        split.batches(
            split.records(io.BytesIO(content), kind, name="s3://b/k", limit=limit),
            single=single,
            limit=limit,
            name="s3://b/k",
            payload=sent,
            keep=True,
        )
    )


def tfrecord(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", split._masked_crc32c(length)) + data + b"crcd"


def test_lines_keep_their_ends_and_the_last_one_may_have_none() -> None:
    assert [record.framed for record in read(b"a\n\nbc\r\nd", "Line")] == [b"a\n", b"\n", b"bc\r\n", b"d"]


def test_a_request_takes_as_many_lines_as_the_limit_allows() -> None:
    assert [body for body, _ in batch(b"aa\nbb\ncc\ndd\n", "Line", limit=6)] == [b"aa\nbb\n", b"cc\ndd\n"]


def test_a_single_record_is_one_request() -> None:
    assert [body for body, _ in batch(b"aa\nbb\n", "Line", single=True, limit=6)] == [b"aa\n", b"bb\n"]


def test_a_line_above_the_limit_is_named() -> None:
    with pytest.raises(Failure, match=r"s3://b/k, record 2: larger than MaxPayloadInMB, 1 MB"):
        batch(b"a\n" + b"x" * (1 << 20) + b"\n", "Line", limit=1 << 20)


def test_a_line_above_the_limit_is_named_also_where_lines_are_not_looked_at() -> None:
    stream = io.BytesIO(b"a\nb\n" + b"x" * (1 << 20) + b"\n")
    with pytest.raises(Failure, match=r"s3://b/k, record 3: larger than MaxPayloadInMB, 1 MB"):
        list(split.line_batches(stream, limit=1 << 20, name="s3://b/k"))


def test_an_object_above_the_limit_that_is_not_split_is_named() -> None:
    with pytest.raises(Failure, match="s3://b/k: larger than MaxPayloadInMB, 1 MB"):
        read(b"x" * ((1 << 20) + 1), "None", limit=1 << 20)
    assert read(b"x" * (1 << 20), "None", limit=1 << 20)


@given(st.lists(st.binary(max_size=40) | st.just(b"aaaa" + MAGIC + b"b" + MAGIC)))
def test_recordio_is_read_as_it_was_written(payloads: list[bytes]) -> None:
    content = b"".join(split.recordio(payload) for payload in payloads)
    found = read(content, "RecordIO")
    assert [record.bare for record in found] == payloads
    assert b"".join(record.framed for record in found) == content


def test_recordio_loses_its_frame_only_where_a_record_goes_alone() -> None:
    content = split.recordio(b"one") + split.recordio(b"three")
    assert [body for body, _ in batch(content, "RecordIO", single=True)] == [b"one", b"three"]
    assert [body for body, _ in batch(content, "RecordIO")] == [content]


@pytest.mark.parametrize("kind", ["RecordIO", "TFRecord"])
def test_a_record_that_is_cut_is_named(kind: str) -> None:
    whole = split.recordio(b"twelve bytes") if kind == "RecordIO" else tfrecord(b"twelve bytes")
    for size in (len(whole) - 1, 9):
        with pytest.raises(Failure, match=r"s3://b/k, record 2: the object ends in the middle of it"):
            read(whole + whole[:size], kind)


@pytest.mark.parametrize("kind", ["RecordIO", "TFRecord"])
def test_what_is_another_format_is_named(kind: str) -> None:
    with pytest.raises(Failure, match=rf"s3://b/k, record 1: not (a )?{kind}"):
        read(b"5.1,3.5,1.4,0.2\n" * 9, kind)


@pytest.mark.parametrize("kind", ["RecordIO", "TFRecord"])
def test_a_record_above_the_limit_is_refused_before_it_is_read(kind: str) -> None:
    head = tfrecord(b"x" * 5000)[:12] if kind == "TFRecord" else struct.pack("<II", 0xCED7230A, 5000)
    stream = Trickle(head + b"x" * 5004)
    with pytest.raises(Failure, match="record 1: larger than MaxPayloadInMB"):
        list(split.records(stream, kind, name="s3://b/k", limit=1000))
    assert stream.most < 100


@given(st.lists(st.binary(max_size=40)))
def test_tfrecords_are_read_as_they_were_written(payloads: list[bytes]) -> None:
    stream = Trickle(b"".join(map(tfrecord, payloads)))
    assert [record.bare for record in split.records(stream, "TFRecord", name="k", limit=None)] == payloads


def test_the_checksum_is_tensorflows() -> None:
    crc = 0xE3069283  # CRC-32C of these nine digits, the usual check value
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert split._masked_crc32c(b"123456789") == masked


@given(st.lists(st.binary(max_size=30)), st.integers(1, 80), st.booleans())
def test_bodies_together_are_the_object_and_none_is_above_the_limit(
    lines: list[bytes], limit: int, single: bool
) -> None:
    content = b"\n".join(lines)
    if any(len(line) > limit for line in content.splitlines(keepends=True)) or b"\r" in content:
        return
    found = batch(content, "Line", single=single, limit=limit)
    if not single:
        quick = split.line_batches(io.BytesIO(content), limit=limit, name="k")
        assert [body for body, _ in quick] == [body for body, _ in found]
    assert b"".join(body for body, _ in found) == content
    assert all(len(body) <= limit for body, _ in found)
