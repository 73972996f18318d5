"""The files in which prometheus_client's multiprocess mode keeps numbers, read and written without it.

After an int for the length in use, and four bytes, come entries: an int, the key's length; the key, filled up
with spaces so that what follows stands at a multiple of eight bytes; the value and a timestamp, two doubles.
prometheus_client reads them; tests/image/test_metric_files.py holds this against it.

Not by prometheus_client, because it writes into a file with holes, mapped: a SIGBUS on a full disk, and an
OSError here. And because importing it would make every start slower.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

_LENGTH, _VALUE = struct.Struct("i"), struct.Struct("dd")
_HEAD_BYTES = 8


def write(path: Path, values: Mapping[str, float]) -> list[int]:
    """A new file with these values; where each stands, in bytes, in their order.

    There is the whole of it or, with an OSError, none: /metrics reads at any time, and fails at half a file.
    """
    content, positions = bytearray(_HEAD_BYTES), []
    for key, value in values.items():
        encoded = key.encode()
        padding = b" " * (8 - (len(encoded) + _LENGTH.size) % 8)
        content += _LENGTH.pack(len(encoded)) + encoded + padding
        positions.append(len(content))
        content += _VALUE.pack(value, 0.0)
    _LENGTH.pack_into(content, 0, len(content))
    new = path.with_suffix(".new")
    try:
        new.write_bytes(content)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    return positions


def read(path: Path) -> Iterator[tuple[str, float]]:
    """The keys and their values; OSError, ValueError or struct.error where the file is none of ours."""
    content = path.read_bytes()
    if len(content) < _HEAD_BYTES:
        return  # just made
    (used,) = _LENGTH.unpack_from(content)
    at = _HEAD_BYTES
    while at < used:
        (length,) = _LENGTH.unpack_from(content, at)
        if length < 0:
            raise ValueError(f"{path}: a key cannot have {length} bytes")
        key = content[at + _LENGTH.size : at + _LENGTH.size + length].decode()
        at += _LENGTH.size + length + 8 - (length + _LENGTH.size) % 8
        yield key, _VALUE.unpack_from(content, at)[0]
        at += _VALUE.size
