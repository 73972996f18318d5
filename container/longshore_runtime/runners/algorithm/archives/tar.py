"""Reads tar archives: tarfile parses the headers, this bounds what they can make it do.

tarfile believes a header's claims: it reads a long name or a pax record of any claimed size into memory
and takes anything that is no header for the end. So it reads through _Stream, which only goes
forward, gives it a few bytes for each entry's headers, and knows what the last thing read was.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from longshore_runtime.runners.algorithm.archives.decoding import TAR_CODECS, Decoded
from longshore_runtime.runners.algorithm.archives.entry import CHUNK, Entry, Kind, Refused, parts, shown

_HEADER_ROOM = 64 * 1024  # bytes of all the headers of one entry
_MOST_GLOBAL_RECORDS = 100  # tarfile copies them for each entry
# Before 3.11.10 and 3.12.6 tarfile's search in a pax header takes the square of such a run's length.
_LONG_NUMBER = re.compile(rb"[0-9]{400}")
_ZEROS = bytes(tarfile.BLOCKSIZE)  # the end of an archive; one of them will do


def is_tar(start: bytes) -> bool:
    """Whether a file that begins so (512 bytes) is a tar, compressed or not."""
    if start == _ZEROS or any(magic.match(start) for magic, _ in TAR_CODECS):
        return True
    try:
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def read_tar(file: BinaryIO, most_entries: int, watch: Callable[[int], None]) -> Iterator[Entry]:
    """The entries of a tar, from the file's beginning; Refused for a broken one.

    watch is called for every chunk with the number of bytes decoded so far, to stop it all by raising.
    """
    file.seek(0)
    stream = _Stream(file, watch)
    tar: tarfile.TarFile | None = None
    for count in range(most_entries + 1):
        stream.room = _HEADER_ROOM
        try:
            if tar is None:
                tar = tarfile.TarFile(fileobj=stream, encoding="utf-8", errors="surrogateescape")
            member = tar.next()
        except (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            what = "holds no tar archive, or a broken one" if tar is None else "is broken"
            raise Refused(f"it {what}: a header cannot be read.") from error
        if member is None:
            break
        if count == most_entries:
            raise Refused(f"it holds more than {most_entries:,} entries.")
        tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep them all
        if len(tar.pax_headers) > _MOST_GLOBAL_RECORDS:
            raise Refused("it is broken: it has too many global headers.")
        yield _entry(member, stream)
    if stream.last != _ZEROS:
        what = "broken: no header stands where one must" if len(stream.last) == len(_ZEROS) else "cut off"
        raise Refused(f"it is {what}.")
    while stream.take(CHUNK):  # to the end, where the checksum of what compressed it is
        pass


class _Stream(io.RawIOBase):
    """A tar's bytes, decoded. read, tell and seek are for tarfile and its headers; take is for data."""

    def __init__(self, file: BinaryIO, watch: Callable[[int], None]) -> None:
        self._file = file
        self._watch = watch
        self._position = 0
        self.room = 0  # how many bytes of headers may still be read
        self.last = b""  # what was read last as a header
        start = file.read(16)
        self._end = file.seek(0, io.SEEK_END)
        file.seek(0)
        new = next((new for magic, new in TAR_CODECS if magic.match(start)), None)
        self._plain = new is None
        self._read = file.read if new is None else Decoded(self._compressed, new, frames=True).read

    def _compressed(self, size: int) -> bytes:
        self._watch(self._position)  # here too: a file of empty frames alone is long, and decodes to nothing
        return self._file.read(size)

    def take(self, size: int) -> bytes:
        """Up to size bytes, b"" at the end."""
        found = self._read(size)
        self._position += len(found)
        self._watch(self._position)
        return found

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= self.room:
            raise Refused(f"it is broken: an entry's headers take more than {_HEADER_ROOM:,} bytes.")
        self.room -= size
        found = b""
        while len(found) < size and (more := self.take(size - len(found))):
            found += more
        if _LONG_NUMBER.search(found):
            raise Refused("it is broken: a header has a number of 400 digits.")
        self.last = found
        return found

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise Refused("it is broken: its entries overlap.")
        if self._plain and offset > self._position:
            self._position = self._file.seek(min(offset, self._end))
        while self._position < offset and self.take(min(CHUNK, offset - self._position)):
            pass
        if self._position < offset:
            raise Refused("it is cut off.")
        return offset


def _entry(member: tarfile.TarInfo, stream: _Stream) -> Entry:
    if member.isreg():
        kind = Kind.FILE
    elif member.isdir():
        kind = Kind.FOLDER
    elif member.issym():
        kind = Kind.SYMLINK
    elif member.islnk():
        kind = Kind.HARD_LINK
    else:
        what = "a device or a pipe" if member.isdev() else "of a kind that is not known here"
        raise Refused(f"the entry {shown(member.name)} is {what}: only files can be unpacked.")
    return Entry(
        name=member.name,
        parts=parts(member.name),
        kind=kind,
        size=member.size if kind is Kind.FILE else 0,
        executable=bool(member.mode & 0o100),
        link=member.linkname,
        data=lambda: _data(member, stream),
    )


def _data(member: tarfile.TarInfo, stream: _Stream) -> Iterator[bytes]:
    """A file's contents, the holes of a sparse one as zeros."""
    broken = Refused(f"the entry {shown(member.name)} is broken: its size is wrong.")
    if member.size < 0:
        raise broken
    stream.seek(member.offset_data)
    position = 0
    # A sparse file's map: where its pieces belong; their bytes follow each other in the archive. (Each
    # piece is checked on its own, since tarfile checks none.) Behind the last, nothing: a hole to the end.
    for start, size in [*(member.sparse or [(0, member.size)]), (member.size, 0)]:
        if size == 0 and start != member.size:
            continue  # what fills up the old format's table of four
        if start < position or size < 0 or start + size > member.size:
            raise broken
        for hole in range(position, start, CHUNK):
            yield bytes(min(CHUNK, start - hole))
        position = start
        while position < start + size:
            if not (found := stream.take(min(CHUNK, start + size - position))):
                raise Refused(f"it is cut off within the entry {shown(member.name)}.")
            position += len(found)
            yield found
