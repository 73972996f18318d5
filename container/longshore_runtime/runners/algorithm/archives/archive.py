"""Unpacks an archive that nobody has looked at, within limits, into a folder and nowhere else.

The parts: zip and tar read entries (decoded by decoding), entry says what they may be called, target puts
them into the folder. Here they meet, and are counted.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from longshore_runtime.runners.algorithm.archives.entry import Entry, Kind, Refused, common_folder, shown
from longshore_runtime.runners.algorithm.archives.tar import is_tar, read_tar
from longshore_runtime.runners.algorithm.archives.target import Target
from longshore_runtime.runners.algorithm.archives.zip import is_zip, open_zip
from longshore_runtime.runners.algorithm.outcome import Reason, TaskError

_RATIO_COUNTS_FROM = 256 * 1024 * 1024  # bytes: what unpacks to less harms nobody, whatever its ratio
_START = 512  # bytes that tell formats apart
_OPENED_MAX = 4095  # bytes of a path that Linux opens


@dataclass(frozen=True)
class Limits:
    """Limits on what archives unpack to.

    Attributes:
        files: how many files, folders and links may be made. Folders that only the path of another entry
            names count too: each costs an inode.
        bytes: the most bytes of all files together; None for the free disk space.
        ratio: unpacked bytes per byte of the archive, checked beyond 256 MiB.
    """

    files: int
    bytes: int | None
    ratio: int

    @property
    def entries(self) -> int:
        """The most entries that are read, those that make nothing (clutter) among them."""
        return 2 * self.files + 1000


@dataclass
class Used:
    """What the inputs of one task have used of the limits so far; shared by all its archives."""

    files: int = 0
    bytes: int = 0


def unpack(
    archive: Path,
    target: Path,
    name: str,
    limits: Limits,
    stop: threading.Event,
    *,
    strip_common: bool = True,
    owner: tuple[int, int] | None = None,
    used: Used | None = None,
) -> int:
    """Unpack a zip, or a tar (bare, or by gzip, bzip2, xz or zstd) into a folder; how many files it had.

    What it is, its first bytes tell. name: what the user calls it, for messages.
    used: what counts against the limits already; what this archive makes is added.
    strip_common: take files alone, without folders, clutter (CLUTTER) and the folder they all lie in; a
    link is an error. Without it the tree is unpacked as it is, with links that lead to places inside it.
    target must exist, and where it is itself a link, that is followed. Files and folders get the modes
    0644, 0755; and owner's ids where given, else this process's.
    TaskError: INPUT for all that is wrong with the archive, DISK, STOPPED. What was unpacked until
    then stays in target.
    """
    try:
        with archive.open("rb") as file, Target(target, owner) as folder:
            return _Unpacking(file, folder, limits, stop, used or Used()).run(strip_common)
    except Refused as problem:
        raise TaskError(Reason.INPUT, f"Input {name!r}: {problem}") from problem
    except _DiskFull as problem:
        raise TaskError(Reason.DISK, f"Input {name!r}: {problem}") from problem
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise TaskError(Reason.DISK, f"Input {name!r}: the disk was full before it was unpacked.") from error


class _DiskFull(Exception):
    pass


class _Unpacking:
    """One run of unpack: what was written so far, and whether that is too much."""

    def __init__(
        self, file: BinaryIO, target: Target, limits: Limits, stop: threading.Event, used: Used
    ) -> None:
        self._file = file
        self._target = target
        self._limits = limits
        self._stop = stop
        self._used = used
        self._together = " with the task's other inputs" if used.files else ""
        self._size = file.seek(0, 2)
        self._room = target.free_bytes() if limits.bytes is None else max(0, limits.bytes - used.bytes)
        self._written = 0
        self._count = 0
        target.before_making = self._count_one

    def run(self, strip_common: bool) -> int:
        self._file.seek(0)
        start = self._file.read(_START)
        read: Callable[[], Iterator[Entry]]
        if is_zip(start):
            read = open_zip(self._file, self._limits.entries)
        elif is_tar(start):
            read = lambda: read_tar(self._file, self._limits.entries, self._watch)  # noqa: E731
        else:
            raise Refused(
                "it is not an archive that is known here: zip, tar, tar.gz, tar.zst, tar.bz2, tar.xz."
            )
        # A bare look first, where the names are needed before the first file can be put in its place, or
        # where it costs nothing. (A tar is decoded twice so: cheaper than to move its files afterwards.)
        common = self._survey(read(), strip_common) if strip_common or is_zip(start) else ()
        for entry in self._chosen(read(), strip_common):
            self._put(entry, entry.parts[len(common) :])
        return self._count

    def _survey(self, entries: Iterator[Entry], strip_common: bool) -> tuple[str, ...]:
        """The folder that all files lie in, () to keep all; refuses what claims more than there may be."""
        folder: tuple[str, ...] | None = None
        files = claimed = 0
        for entry in self._chosen(entries, strip_common):
            if entry.kind is not Kind.FOLDER:
                files += 1
                claimed += entry.size
                self._check_count(self._used.files + files)
                self._check_bytes(claimed)
                folder = common_folder(folder, entry)
        return folder if strip_common and folder else ()

    def _chosen(self, entries: Iterator[Entry], strip_common: bool) -> Iterator[Entry]:
        """The entries to unpack, each with a path."""
        for entry in entries:
            self._watch(0)
            if entry.kind is Kind.FOLDER:
                if strip_common or not entry.parts:
                    continue
            elif not entry.parts:
                raise Refused(f"the entry {shown(entry.name)} has no name.")
            elif strip_common and entry.is_clutter:
                continue
            elif strip_common and entry.kind is not Kind.FILE:
                raise Refused(f"the entry {shown(entry.name)} is a link. Pack the file itself.")
            yield entry

    def _put(self, entry: Entry, path: tuple[str, ...]) -> None:
        if self._target.length_of(path) > _OPENED_MAX:
            raise Refused(
                f"the entry {shown(entry.name)} has a path of more than {_OPENED_MAX:,} bytes where it is "
                "unpacked."
            )
        if entry.kind is Kind.FOLDER:
            self._target.make_folder(entry, path)
            return
        self._count += 1
        if entry.kind is Kind.SYMLINK:
            self._target.make_symlink(entry, path)
        elif entry.kind is Kind.HARD_LINK:
            self._target.make_hard_link(entry, path)
        else:
            with self._target.make_file(entry, path) as file:
                for chunk in entry.data():
                    self._written += len(chunk)
                    self._check_bytes(self._written)
                    self._watch(self._written)
                    file.write(chunk)
                    self._used.bytes += len(chunk)

    def _count_one(self) -> None:
        """Count what is about to be made: a file, a link, or a folder, whether it has an entry or not."""
        self._check_count(self._used.files + 1)
        self._used.files += 1

    def _check_count(self, files: int) -> None:
        if files > self._limits.files:
            what = f"it has more than {self._limits.files:,} files, folders and links"
            raise Refused(f"unpacked{self._together}, {what}, the limit that ALGORITHM_MAX_FILES sets.")

    def _check_bytes(self, count: int) -> None:
        if count <= self._room:
            return
        if self._limits.bytes is None:
            raise _DiskFull(f"unpacked, it is larger than the free disk space of {self._room:,} bytes.")
        raise Refused(f"unpacked{self._together}, it is larger than {self._limits.bytes:,} bytes.")

    def _watch(self, unpacked: int) -> None:
        """End where the server stops, or where the archive is a bomb."""
        if self._stop.is_set():
            raise TaskError(Reason.STOPPED, "The server was stopped before the task had ended.")
        if unpacked > max(_RATIO_COUNTS_FROM, self._limits.ratio * self._size):
            raise Refused(f"unpacked, it is more than {self._limits.ratio:,} times its size.")
