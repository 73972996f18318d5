"""Reads zip archives: zipfile parses the directory, this bounds it and decodes the entries."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from longshore_runtime.runners.algorithm.archives.decoding import zip_decoder
from longshore_runtime.runners.algorithm.archives.entry import CHUNK, Entry, Kind, Refused, parts, shown

_FILE_HEADER = b"PK\3\4"
_DIRECTORY_ENTRY = b"PK\1\2"
_MOST_DIRECTORY = 64 * 1024 * 1024  # bytes; zipfile reads all of it at once
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # the entry; strongly; the directory
_PATCH = 0x20
_UTF8 = 0x800
_LOCAL_HEADER = struct.Struct("<26xHH")  # the lengths of the name and of the extra field, which follow
_UNIX = (3, 19)  # and macOS: whose external attributes are a mode


def is_zip(start: bytes) -> bool:
    """Whether a file that begins so is a zip: an entry's header, or the end of an empty directory."""
    return start.startswith((_FILE_HEADER, b"PK\5\6"))


def open_zip(file: BinaryIO, most_entries: int) -> Callable[[], Iterator[Entry]]:
    """A function that gives the zip's entries, as often as it is called; Refused for a broken zip.

    Its directory is read, counted and looked through for overlaps here.
    """
    fd = file.fileno()
    with io.FileIO(fd, closefd=False) as raw:
        try:
            archive = zipfile.ZipFile(_Directory(raw, most_entries))
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            struct.error,
            ValueError,
            ArithmeticError,
            LookupError,
            OSError,
        ) as error:
            raise Refused(f"it is broken or cut off: its directory cannot be read ({error}).") from error
    found = archive.infolist()
    _check_overlaps(fd, found, archive.start_dir)
    return lambda: (_entry(fd, info) for info in found)


class _Directory(io.BufferedReader):
    """What zipfile reads the directory through, so that one of any size or length is never parsed."""

    def __init__(self, raw: io.RawIOBase, most_entries: int) -> None:
        super().__init__(raw)
        self._most_entries = most_entries

    def read(self, size: int | None = -1, /) -> bytes:
        if (size or 0) > _MOST_DIRECTORY:
            raise Refused(f"its directory takes more than {_MOST_DIRECTORY:,} bytes.")
        found = super().read(size)
        if found.startswith(_DIRECTORY_ENTRY) and found.count(_DIRECTORY_ENTRY) > self._most_entries:
            raise Refused(f"it holds more than {self._most_entries:,} entries.")
        return found


def _check_overlaps(fd: int, found: list[zipfile.ZipInfo], start_of_directory: int) -> None:
    """Refused where two entries share bytes: so a small zip holds the same data a thousand times."""
    end = 0
    for info in sorted(found, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise Refused(f"the entry {shown(info.filename)} overlaps another one.")
        end = _start_of_data(fd, info) + info.compress_size
    if end > start_of_directory:
        raise Refused("its last entry overlaps the directory.")


def _start_of_data(fd: int, info: zipfile.ZipInfo) -> int:
    name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")
    if info.header_offset >= 0:
        header = os.pread(fd, _LOCAL_HEADER.size + len(name), info.header_offset)
        if header.startswith(_FILE_HEADER) and header[_LOCAL_HEADER.size :] == name:
            length, extra = _LOCAL_HEADER.unpack_from(header)
            if length == len(name):
                return int(info.header_offset + len(header) + extra)
    raise Refused(f"the entry {shown(info.filename)} is broken: its header is not where it must be.")


def _entry(fd: int, info: zipfile.ZipInfo) -> Entry:
    if "\0" in info.orig_filename:  # zipfile ends the name there
        raise Refused(f"the entry {shown(info.orig_filename)} has control characters in its name.")
    path = info.filename.replace("\\", "/")  # as some of Windows' programs write it
    mode = info.external_attr >> 16 if info.create_system in _UNIX else 0
    if path.endswith("/") or stat.S_ISDIR(mode):
        kind = Kind.FOLDER
    elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
        kind = Kind.FILE
    else:
        raise Refused(f"the entry {shown(info.filename)} is a link or a device. Pack the file itself.")
    return Entry(
        name=info.filename,
        parts=parts(path),
        kind=kind,
        size=info.file_size,
        executable=bool(mode & 0o100),
        link="",
        data=lambda: _data(fd, info),
    )


def _data(fd: int, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """A file's contents; Refused where its length or checksum differs from what the directory says."""
    entry = f"the entry {shown(info.filename)}"
    if info.flag_bits & _ENCRYPTED:
        raise Refused(f"{entry} is encrypted. Pack it without a password.")
    read = zip_decoder(info.compress_type, _Part(fd, _start_of_data(fd, info), info.compress_size).read)
    if read is None or info.flag_bits & _PATCH:
        raise Refused(f"{entry} is compressed by a method that is not known here. Use deflate.")
    left, checksum = info.file_size, 0
    try:
        while left and (found := read(min(CHUNK, left))):
            left -= len(found)
            checksum = zlib.crc32(found, checksum)
            yield found
        if left or read(1):
            raise Refused("it is not as long as the directory says.")
    except Refused as problem:
        raise Refused(f"{entry} is broken: {problem}") from problem
    if checksum != info.CRC:
        raise Refused(f"{entry} is broken: its checksum is wrong.")


class _Part:
    """size bytes of a file from start on."""

    def __init__(self, fd: int, start: int, size: int) -> None:
        self._fd = fd
        self._position = start
        self._end = start + size

    def read(self, size: int) -> bytes:
        found = os.pread(self._fd, min(size, self._end - self._position), self._position)
        self._position += len(found)
        return found
