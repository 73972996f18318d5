"""Makes files in a folder so that nothing is ever made outside it, nor anything in it changed.

Every step goes one component down from an open folder and follows no link, whoever put it there.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from longshore_runtime.runners.algorithm.archives.entry import Entry, Refused, parts, shown, symlink_text

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Target:
    """An existing folder to unpack into. owner: the user's and the group's ids for all that is made.

    Paths are tuples of checked components. Refused where something of that name stands in the way.
    before_making: called before each file, link or folder that is made; it may raise.
    """

    def __init__(self, folder: Path, owner: tuple[int, int] | None) -> None:
        self.before_making: Callable[[], None] = lambda: None
        self._owner = owner
        self._length = len(os.fsencode(folder))
        self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # The folder the last entry went into, still open: mostly the next one goes there too.
        self._last: tuple[tuple[str, ...], int] = ((), os.dup(self._root))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._last[1])
        os.close(self._root)

    def free_bytes(self) -> int:
        """How much may still be written to the file system the folder is on."""
        state = os.fstatvfs(self._root)
        return state.f_bavail * state.f_frsize

    def length_of(self, path: tuple[str, ...]) -> int:
        """The bytes of a path here, that of the folder included."""
        return self._length + len(path) + sum(len(os.fsencode(part)) for part in path)

    def make_folder(self, entry: Entry, path: tuple[str, ...]) -> None:
        with _named(entry):
            self._enter(path)

    def make_file(self, entry: Entry, path: tuple[str, ...]) -> BinaryIO:
        """A new file, open for writing: mode 0755 where the entry is executable, else 0644."""
        with _named(entry):
            folder = self._enter(path[:-1])
            self.before_making()
            fd = os.open(path[-1], _NEW_FILE, 0o600, dir_fd=folder)
            file = os.fdopen(fd, "wb")
            self._own(fd, 0o755 if entry.executable else 0o644)
            return file

    def make_symlink(self, entry: Entry, path: tuple[str, ...]) -> None:
        text = symlink_text(entry)
        with _named(entry):
            folder = self._enter(path[:-1])
            self.before_making()
            os.symlink(text, path[-1], dir_fd=folder)
            if self._owner is not None:
                os.chown(path[-1], *self._owner, dir_fd=folder, follow_symlinks=False)

    def make_hard_link(self, entry: Entry, path: tuple[str, ...]) -> None:
        """A second name for a file that is in the folder already."""
        missing = Refused(
            f"the entry {shown(entry.name)} is a link to {shown(entry.link)}, and no file of that name "
            "stands before it in the archive."
        )
        source = parts(entry.link)
        with _named(entry):
            folder = self._enter(path[:-1])
            try:
                other = self._open(source[:-1], make=False)
                try:
                    if not source or not stat.S_ISREG(
                        os.stat(source[-1], dir_fd=other, follow_symlinks=False).st_mode
                    ):
                        raise missing
                    self.before_making()
                    os.link(source[-1], path[-1], src_dir_fd=other, dst_dir_fd=folder, follow_symlinks=False)
                finally:
                    os.close(other)
            except FileNotFoundError:
                raise missing from None

    def _enter(self, path: tuple[str, ...]) -> int:
        """The folder's descriptor, valid until the next call; made where it is not there."""
        if self._last[0] != path:
            fd = self._open(path, make=True)
            os.close(self._last[1])
            self._last = path, fd
        return self._last[1]

    def _open(self, path: tuple[str, ...], *, make: bool) -> int:
        fd = os.dup(self._root)
        try:
            for name in path:
                try:
                    below = os.open(name, _FOLDER, dir_fd=fd)
                except FileNotFoundError:
                    if not make:
                        raise
                    below = self._make(name, fd)
                os.close(fd)
                fd = below
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _make(self, name: str, above: int) -> int:
        self.before_making()
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=above)
        fd = os.open(name, _FOLDER, dir_fd=above)
        self._own(fd, 0o755)
        return fd

    def _own(self, fd: int, mode: int) -> None:
        if self._owner is not None:
            os.fchown(fd, *self._owner)
        os.fchmod(fd, mode)


@contextmanager
def _named(entry: Entry) -> Iterator[None]:
    """Say of which entry it is that the file system takes it not."""
    name = shown(entry.name)
    try:
        yield
    except FileExistsError:
        raise Refused(
            f"the entry {name} would replace another: the archive has it twice, or it was there before."
        ) from None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise Refused(f"the entry {name} needs a folder where a file or a link stands.") from error
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
            raise Refused(f"the entry {name} has a name that cannot be used here.") from error
        if error.errno == errno.EMLINK:
            raise Refused(f"the entry {name} is one link too many: the file system takes no more.") from error
        raise
