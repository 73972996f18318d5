"""Decompression in constant memory: any of five codecs as something to read a piece at a time from.

The library's own file objects are not used, because none of them takes a limit for the memory that a
header may claim (xz: 4 GiB), and because zipfile inflates a whole chunk of bzip2 at once.
"""

from __future__ import annotations

import bz2
import lzma
import re
import sys
import zlib
from collections.abc import Callable
from typing import Protocol

from longshore_runtime.runners.algorithm.archives.entry import Refused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE = 128 * 1024  # bytes asked of the compressed side at a time
_MOST_WINDOW_LOG = 27  # 128 MiB, what the zstd command takes without --long=28 and more
_MOST_WINDOW = 1 << _MOST_WINDOW_LOG
_XZ_OVERHEAD = 1024 * 1024  # what liblzma counts on top of the dictionary


class Decoder(Protocol):
    """What bz2, lzma and zstd share; one decodes one frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Deflate:
    """zlib's decompressor in the shape of the others. wbits: 31 for gzip, -15 for zip."""

    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.decompressobj(wbits)

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


class Decoded:
    """The bytes that compressed ones stand for. source(n) gives up to n compressed bytes, b"" at the end.

    frames: one frame may follow another, and the last must be whole, as in a file; else one frame is read,
    and it is for the caller to know how long it must be, as in a zip.
    """

    def __init__(self, source: Callable[[int], bytes], new: Callable[[], Decoder], *, frames: bool) -> None:
        self._source = source
        self._new = new
        self._frames = frames
        self._decoder = new()
        self._waiting = b""  # compressed bytes behind the end of a frame

    def read(self, size: int) -> bytes:
        """Up to size (1 or more) bytes, b"" at the end."""
        while True:
            if self._decoder.eof and not self._next_frame():
                return b""
            piece, dry = b"", False
            if self._decoder.needs_input:
                piece, self._waiting = self._waiting or self._source(_PIECE), b""
                dry = not piece
                if dry and self._frames:
                    raise Refused("it is cut off: its end is missing.")
            try:
                found = self._decoder.decompress(piece, size)
            except (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, ValueError, EOFError) as error:
                raise Refused(f"it cannot be decompressed ({error}).") from error
            if found or dry:
                return found

    def _next_frame(self) -> bool:
        if not self._frames:
            return False
        rest = self._decoder.unused_data
        # Zeros may fill a file up behind its frames; no frame begins with one.
        while not (rest := rest.lstrip(b"\0")):
            if not (rest := self._source(_PIECE)):
                return False
        self._decoder, self._waiting = self._new(), rest
        return True


def _zstd() -> Decoder:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _MOST_WINDOW_LOG})


def _xz() -> Decoder:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MOST_WINDOW + _XZ_OVERHEAD)


# How a compressed tar's file begins, and what decodes it.
TAR_CODECS: tuple[tuple[re.Pattern[bytes], Callable[[], Decoder]], ...] = (
    (re.compile(rb"\x1f\x8b"), lambda: _Deflate(31)),
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), _zstd),  # or a frame to be skipped
    (re.compile(rb"\xfd7zXZ\0"), _xz),
    (re.compile(rb"BZh[1-9]"), bz2.BZ2Decompressor),
)


def zip_decoder(method: int, source: Callable[[int], bytes]) -> Callable[[int], bytes] | None:
    """How to read the data of a zip's entry packed by this method, None for one that is unknown."""
    match method:
        case 0:
            return source
        case 8:
            new: Callable[[], Decoder] = lambda: _Deflate(-15)  # noqa: E731
        case 12:
            new = bz2.BZ2Decompressor
        case 14:
            new = _zip_lzma(source)
        case 93:
            new = _zstd
        case _:
            return None
    return Decoded(source, new, frames=False).read


def _zip_lzma(source: Callable[[int], bytes]) -> Callable[[], Decoder]:
    """LZMA as zip has it: two bytes of version, two of length, five of properties, then bare data."""
    header = source(9)
    packed, dictionary = header[4:5], int.from_bytes(header[5:9], "little")
    if len(header) < 9 or header[2:4] != b"\5\0" or packed[0] >= 9 * 5 * 5 or dictionary > _MOST_WINDOW:
        raise Refused("its compressed data is broken (LZMA properties).")
    rest, lc = divmod(packed[0], 9)
    pb, lp = divmod(rest, 5)
    properties = {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}
    return lambda: lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=[properties])
