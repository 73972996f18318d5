"""An object as records (SplitType), and those as bodies (BatchStrategy, MaxPayloadInMB): C3, C5.

All of it streams. In memory are the records of one request, never the object. Where MaxPayloadInMB is 0 a
request has no limit: a whole object that is not split then goes out as it is read, without passing through
here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from longshore.emulator.faults import Failure

_RECORDIO_MAGIC = 0xCED7230A
_RECORDIO_MAGIC_BYTES = struct.pack("<I", _RECORDIO_MAGIC)
_CHUNK = 1 << 20


class Record(NamedTuple):
    """number: from 1. framed: as it stands in the object, a line with its end; bare: without padding."""

    number: int
    framed: bytes
    bare: bytes


class Batch(NamedTuple):
    """What one request carries; records: what it stands for, as it was in the object, where that is kept."""

    body: bytes
    records: tuple[Record, ...]


Reader = Callable[[BinaryIO, str, int | None], Iterator[Record]]


def records(stream: BinaryIO, split: str, *, name: str, limit: int | None) -> Iterator[Record]:
    """The records of the object `name`; split: None, Line, RecordIO or TFRecord; limit: bytes, None for none.

    Failure, with the object and the record, for a record above the limit and for one that is cut or
    malformed.
    """
    return _READERS[split](stream, name, limit)


def batches(
    found: Iterable[Record],
    *,
    single: bool,
    limit: int | None,
    name: str,
    payload: Callable[[Record], bytes],
    keep: bool,
) -> Iterator[Batch]:
    """Bodies of requests: one record each where single, else as many as the limit (bytes) allows.

    payload: what of a record is sent, for instance after the InputFilter. keep: the records too, which takes
    several times the body's memory where they are short.
    """
    parts: list[bytes] = []
    taken: list[Record] = []
    size = 0
    for record in found:
        part = payload(record)
        if limit is not None and len(part) > limit:
            raise _too_large(name, record.number, limit)
        if parts and (single or (limit is not None and size + len(part) > limit)):
            yield Batch(b"".join(parts), tuple(taken))
            parts, taken, size = [], [], 0
        parts.append(part)
        if keep:
            taken.append(record)
        size += len(part)
    if parts:
        yield Batch(b"".join(parts), tuple(taken))


def line_batches(stream: BinaryIO, *, limit: int, name: str) -> Iterator[Batch]:
    """The same as batches() of lines that are sent as they are, but quick: no line is looked at."""
    number = 1
    block = _up_to(stream, limit + 1)
    while len(block) > limit:
        end = block.rfind(b"\n", 0, limit) + 1
        if end == 0:
            raise _too_large(name, number, limit)
        yield Batch(block[:end], ())
        number += block.count(b"\n", 0, end)
        block = block[end:] + _up_to(stream, limit + 1 - (len(block) - end))
    if block:
        yield Batch(block, ())


def _whole(stream: BinaryIO, name: str, limit: int | None) -> Iterator[Record]:
    body = stream.read() if limit is None else _up_to(stream, limit + 1)
    if limit is not None and len(body) > limit:
        raise Failure(f"{name}: larger than MaxPayloadInMB, {limit >> 20} MB. Set a SplitType, or more MB.")
    yield Record(1, body, body)


def _lines(stream: BinaryIO, name: str, limit: int | None) -> Iterator[Record]:
    number = 0
    while line := stream.readline(-1 if limit is None else limit + 1):
        number += 1
        if limit is not None and len(line) > limit:
            raise _too_large(name, number, limit)
        yield Record(number, line, line)


def _recordio(stream: BinaryIO, name: str, limit: int | None) -> Iterator[Record]:
    """MXNet's: magic, a word of flag (3 bits) and length (29), the data, zeros up to a multiple of 4 bytes.

    Data that holds the magic itself is cut there into several parts (flags 1, 2, ..., 3), the magic left out.
    """
    number = 0
    while header := _up_to(stream, 8):
        number += 1
        framed, parts = bytearray(), []
        while True:
            if len(header) < 8:
                raise _cut(name, number)
            magic, word = struct.unpack("<II", header)
            if magic != _RECORDIO_MAGIC:
                raise Failure(f"{name}, record {number}: not RecordIO, it does not begin with 0xced7230a.")
            flag, length = word >> 29, word & ((1 << 29) - 1)
            padded = length + -length % 4
            if limit is not None and len(framed) + padded > limit + 8:
                raise _too_large(name, number, limit)
            data = _exactly(stream, padded, name, number)
            framed += header + data
            parts.append(data[:length])
            if flag in (0, 3):
                break
            header = _up_to(stream, 8)
        yield Record(number, bytes(framed), _RECORDIO_MAGIC_BYTES.join(parts))


def _tfrecord(stream: BinaryIO, name: str, limit: int | None) -> Iterator[Record]:
    """TensorFlow's: 8 bytes of length, its masked CRC-32C, the data, the data's.

    Only the length's checksum is looked at: it tells a file that is no TFRecord, and the container checks the
    data.
    """
    number = 0
    while header := _up_to(stream, 12):
        number += 1
        if len(header) < 12:
            raise _cut(name, number)
        length, checksum = struct.unpack("<QI", header)
        if _masked_crc32c(header[:8]) != checksum:
            raise Failure(
                f"{name}, record {number}: not a TFRecord, the checksum of its length does not hold."
            )
        if limit is not None and length > limit:
            raise _too_large(name, number, limit)
        data = _exactly(stream, length + 4, name, number)
        yield Record(number, header + data, data[:-4])


_READERS: dict[str, Reader] = {
    "None": _whole,
    "Line": _lines,
    "RecordIO": _recordio,
    "TFRecord": _tfrecord,
}


def recordio(data: bytes) -> bytes:
    """The data as one RecordIO record, as RecordWrapperType has it (D5)."""
    parts = data.split(_RECORDIO_MAGIC_BYTES)
    out = bytearray()
    for index, part in enumerate(parts):
        if len(parts) == 1:
            flag = 0
        elif index == 0:
            flag = 1
        else:
            flag = 3 if index == len(parts) - 1 else 2
        out += struct.pack("<II", _RECORDIO_MAGIC, flag << 29 | len(part)) + part + bytes(-len(part) % 4)
    return bytes(out)


def _up_to(stream: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end: one read() of a stream from the network may return less."""
    out = bytearray()
    while len(out) < size and (chunk := stream.read(min(size - len(out), _CHUNK))):
        out += chunk
    return bytes(out)


def _exactly(stream: BinaryIO, size: int, name: str, number: int) -> bytes:
    data = _up_to(stream, size)
    if len(data) < size:
        raise _cut(name, number)
    return data


def _cut(name: str, number: int) -> Failure:
    return Failure(f"{name}, record {number}: the object ends in the middle of it.")


def _too_large(name: str, number: int, limit: int) -> Failure:
    return Failure(f"{name}, record {number}: larger than MaxPayloadInMB, {limit >> 20} MB.")


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC32C = _crc32c_table()


def _masked_crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
