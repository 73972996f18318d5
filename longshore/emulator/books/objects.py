"""Where moto's S3 keeps what is in its objects: each in a file of its own, read and written as a stream.

moto holds small objects in memory and large ones in temporary files without a name, one open file each. Here
each has a name in the emulator's folder, so that it survives a restart, can be streamed, and costs no open
file.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from longshore.emulator import private
from longshore.emulator.books.checksums import Checksum
from longshore.errors import UserError

_BLOCK = 1 << 20


class Incoming(NamedTuple):
    """A body that was received, and is not yet an object's content.

    Attributes:
        md5: Of all bytes, in hexadecimal; None if nobody has computed it.
        checksum: The one that the client stated.
    """

    path: Path
    md5: str | None = None
    checksum: Checksum | None = None


class Shelf:
    """The folder of all objects' contents.

    keep: files that are no longer an object's stay until collect(), because a state on disk may still name
    them.
    """

    def __init__(self, folder: Path, *, keep: bool) -> None:
        self.folder = folder
        self._keep = keep
        self._lock = threading.Lock()
        self._garbage: list[Path] = []
        self._restored: list[Content] | None = []  # until match_to_restored()
        self._closed = False
        self.incoming = folder.with_name("incoming")  # uploads that are not yet an object's
        folder.parent.mkdir(parents=True, exist_ok=True)
        private.make_subfolder(folder)
        private.make_subfolder(self.incoming)
        there = [_number(path) for path in folder.iterdir()]
        shutil.rmtree(self.incoming, ignore_errors=True)
        private.make_subfolder(self.incoming)
        self._instead = threading.local()
        self._numbers = itertools.count(max(there, default=0) + 1)

    def new(self) -> Content:
        """A content without bytes and, before its first write, without a file."""
        return Content(self, next(self._numbers))

    @contextmanager
    def replacing_empty(self, incoming: Incoming) -> Iterator[None]:
        """In this thread, store this file instead of an empty content; remove it if none is stored."""
        self._instead.incoming = incoming
        try:
            yield
        finally:
            self._instead.incoming = None
            incoming.path.unlink(missing_ok=True)

    def incoming_now(self) -> Incoming | None:
        """Return what replacing_empty() has in this thread."""
        found: Incoming | None = getattr(self._instead, "incoming", None)
        return found

    def take_incoming(self) -> Incoming | None:
        """Return what replacing_empty() has in this thread, once."""
        found = self.incoming_now()
        self._instead.incoming = None
        return found

    def link(self, content: Content) -> Path:
        """Return another file with a content's bytes, not copied where the file system has hard links."""
        with tempfile.NamedTemporaryFile(dir=self.incoming, delete=False) as target:
            path = Path(target.name)
        try:
            path.unlink()
            path.hardlink_to(content.path)
        except OSError:
            shutil.copyfile(content.path, path)
        return path

    def slice(self, content: Content, start: int, end: int) -> Path:
        """Return a new file with the bytes from start to before end."""
        with tempfile.NamedTemporaryFile(dir=self.incoming, delete=False) as target, content.open() as source:
            source.seek(start)
            while start < end and (block := source.read(min(_BLOCK, end - start))):
                target.write(block)
                start += len(block)
        return Path(target.name)

    def join(self, contents: list[Content]) -> Path:
        """A new file with the bytes of all of them, one behind the other."""
        with tempfile.NamedTemporaryFile(dir=self.incoming, delete=False) as target:
            for content in contents:
                with content.open() as source:
                    shutil.copyfileobj(source, target, _BLOCK)
        return Path(target.name)

    def discard(self, path: Path) -> None:
        """The content of an object that is no more."""
        with self._lock:
            if self._closed:
                return
            if self._keep:
                self._garbage.append(path)
                return
        path.unlink(missing_ok=True)

    def garbage(self) -> list[Path]:
        """What was discarded; to be given to collect() once no state names it any more."""
        with self._lock:
            return list(self._garbage)

    def collect(self, paths: list[Path]) -> None:
        """Remove what was discarded before the state was written."""
        for path in paths:
            path.unlink(missing_ok=True)
        with self._lock:
            self._garbage = self._garbage[len(paths) :]

    def restored(self, number: int | None) -> Content:
        """Return the content that a state names; a discarded one if it names none."""
        content = Content(self, number or 0)
        content.discarded = number is None
        if self._restored is not None:
            self._restored.append(content)
        return content

    def match_to_restored(self) -> None:
        """Remove files that no restored content has, and mark contents without a file as discarded.

        The former are what a killed emulator wrote after its last state.
        """
        contents, self._restored = self._restored or [], None
        there = {path.name for path in self.folder.iterdir()}
        for name in there - {str(content.number) for content in contents if not content.discarded}:
            (self.folder / name).unlink()
        for content in contents:
            # Its number may be given to another content.
            content.discarded = content.discarded or str(content.number) not in there

    def close(self) -> None:
        """Nothing is removed from here on: at Python's exit objects are torn down that are to survive it."""
        with self._lock:
            self._closed = True


def _number(path: Path) -> int:
    """Return the number of a file of the folder. UserError if it is none of the emulator's."""
    private.is_own_file(path)
    if not (path.name.isascii() and path.name.isdecimal()):
        raise UserError(
            str(path),
            "the emulator has made no such file, and it removes what it does not know from this folder.",
            "Move it to another place.",
        )
    return int(path.name)


class Content:
    """One object's bytes: as much of a file as moto uses, without an open one between the calls.

    Attributes:
        number: The file's name.
        md5: In hexadecimal, if it is known.
        discarded: Whether the file is removed, or may be at any time. A state must not name it.
    """

    def __init__(self, shelf: Shelf, number: int) -> None:
        self._shelf = shelf
        self.number = number
        self._at = 0
        self.md5: str | None = None
        self.discarded = False

    @property
    def path(self) -> Path:
        """The file that holds it."""
        return self._shelf.folder / str(self.number)

    def seek(self, to: int) -> int:
        """Where the next read begins."""
        self._at = to
        return to

    def write(self, data: bytes | Path) -> int:
        """All of it, at once: bytes, or a file, which is moved here. How many bytes that were."""
        if not data and (incoming := self._shelf.take_incoming()):
            data, self.md5 = incoming.path, incoming.md5
        if isinstance(data, Path):
            self.take(data)
        else:
            self.path.unlink(missing_ok=True)  # another object's content may be the same file: link()
            self.path.touch(mode=0o600)
            self.path.write_bytes(data)
        return self.path.stat().st_size

    def read(self, size: int = -1) -> bytes:
        """From where seek() set it, or the last read ended."""
        with self.path.open("rb") as file:
            file.seek(self._at)
            data = file.read(size)
        self._at += len(data)
        return data

    def open(self) -> IO[bytes]:
        """A stream of its own for a reader; it stays readable when the object is replaced or deleted."""
        return self.path.open("rb")

    def take(self, source: Path) -> None:
        """A file becomes the content: moved where that is possible, and copied otherwise."""
        shutil.move(source, self.path)

    def close(self) -> None:
        """Discard the file, once. moto disposes of some keys several times."""
        if not self.discarded:
            self.discarded = True  # first: a state that is written now must not name it
            self._shelf.discard(self.path)
