"""What the batches of an Arrow body unpack to, read from their metadata before pyarrow decompresses any.

pyarrow decompresses a whole batch at a time, and 48 KB of zstd can be a batch of 1.5 GB. Each compressed
buffer begins with the length that pyarrow allocates for it. Where those buffers are is in the batch's
metadata, a flatbuffer (Arrow's Message.fbs and File.fbs), of which pyarrow shows only the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

_INT64, _INT32, _UINT32, _UINT16 = (struct.Struct(f"<{form}") for form in "qiIH")
_FOOTER_END = 10  # an int32, the footer's length, and "ARROW1"
_BLOCK = struct.Struct("<qiiq")  # offset, length of the metadata, padding, length of the body


def of_stream(pyarrow: Any, body: bytes) -> Iterator[int]:
    """Yield the unpacked size of each batch of an Arrow stream. Raises ValueError if it is malformed."""
    for message in pyarrow.ipc.MessageReader.open_stream(body):
        yield _unpacked(message)


def of_file(pyarrow: Any, body: bytes) -> Iterator[int]:
    """Yield the unpacked size of each batch of an Arrow file. Raises ValueError if it is malformed."""
    try:
        (length,) = _INT32.unpack_from(body, len(body) - _FOOTER_END)
        footer = body[len(body) - _FOOTER_END - length : len(body) - _FOOTER_END]
        root = _Table(footer, _UINT32.unpack_from(footer, 0)[0])
        blocks = [*root.structs(2, _BLOCK), *root.structs(3, _BLOCK)]  # dictionaries, batches
    except struct.error:
        raise ValueError("its footer is malformed") from None
    whole = pyarrow.py_buffer(body)
    for offset, metadata, _, data in blocks:
        if not 0 <= offset <= offset + metadata + data <= len(body):
            raise ValueError("its footer is malformed")
        yield _unpacked(pyarrow.ipc.read_message(whole.slice(offset, metadata + data)))


class _Table:
    """A table of a flatbuffer: its fields by their number."""

    def __init__(self, data: Any, at: int) -> None:
        self._data = data
        self._at = at
        self._fields = at - _INT32.unpack_from(data, at)[0]
        if self._fields < 0:
            raise struct.error

    def field(self, number: int) -> int | None:
        """The place of a field, None if it is not there."""
        place = 4 + 2 * number
        if place >= _UINT16.unpack_from(self._data, self._fields)[0]:
            return None
        (offset,) = _UINT16.unpack_from(self._data, self._fields + place)
        return self._at + offset if offset else None

    def _behind(self, number: int) -> int | None:
        at = self.field(number)
        return None if at is None else at + int(_UINT32.unpack_from(self._data, at)[0])

    def table(self, number: int) -> _Table:
        at = self._behind(number)
        if at is None:
            raise struct.error
        return _Table(self._data, at)

    def structs(self, number: int, form: struct.Struct) -> list[tuple[int, ...]]:
        """The elements of a vector of structs."""
        at = self._behind(number)
        if at is None:
            return []
        (count,) = _UINT32.unpack_from(self._data, at)
        return list(form.iter_unpack(self._data[at + 4 : at + 4 + count * form.size]))


def _unpacked(message: Any) -> int:
    """What the buffers of a message unpack to; 0 for a schema."""
    if message.type not in ("record batch", "dictionary"):
        return 0
    try:
        metadata = memoryview(message.metadata)
        batch = _Table(metadata, _UINT32.unpack_from(metadata, 0)[0]).table(2)
        if message.type == "dictionary":
            batch = batch.table(1)
        buffers = batch.structs(2, struct.Struct("<qq"))
        compressed = batch.field(3) is not None
        body = memoryview(message.body) if message.body is not None else memoryview(b"")
        return sum(_length(body, offset, length, compressed) for offset, length in buffers)
    except struct.error:
        raise ValueError("the metadata of a batch are malformed") from None


def _length(body: memoryview, offset: int, length: int, compressed: bool) -> int:
    if not compressed or length < _INT64.size:
        return length
    if offset < 0:
        raise ValueError("the metadata of a batch are malformed")
    unpacked: int = _INT64.unpack_from(body, offset)[0]
    return length if unpacked == -1 else max(0, unpacked)
