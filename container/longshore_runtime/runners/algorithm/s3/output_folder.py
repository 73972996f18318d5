"""What a program left in its output folder: the files to store, found and opened without following a link.

The program, or what it left running, may change the folder while we read it. So every file is opened
from the folder's own descriptor, name by name, and what has become a link by then is not followed.
A hard link to a file elsewhere cannot be told from a file; but only whoever may read and own a file can
make one, as long as Linux protects hard links (fs.protected_hardlinks, on by default).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.outcome import RESULT_FOLDER, Reason, TaskError

_log = logs.get("task")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe without a writer must not block
_LONGEST_PATH = 1024  # bytes: no key may be longer
_NAMED = 100  # outputs that are not stored: a program may leave a million of them
_IS_ANOTHER = (errno.ELOOP, errno.ENXIO, errno.ENOTDIR)  # a link, a socket, a link for a folder


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file. path: below the folder, with slashes. size: in bytes, when it was found."""

    path: str
    size: int


class OutputFolder:
    """The folder, held open as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._path = folder
        self._count = 0  # of all that was found
        self._skipped = 0

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self._path, _FOLDER)
        except OSError as error:
            message = f"The output folder cannot be read: {error.strerror}."
            raise TaskError(Reason.OUTPUT, message) from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def files(self, most: int | None = None) -> list[Found]:
        """All regular files, sorted by path; the log has a warning for whatever else is there.

        most: of all that may be there, folders and links included, since each takes memory here. Raises
        TaskError for more, and for a folder that cannot be read or whose path is too long for any key.
        A path may have lone surrogates, as os.fsdecode makes them.
        """
        found: list[Found] = []
        folders = [""]
        while folders:
            above = folders.pop()
            try:
                self._list(above, found, folders, most)
            except OSError as error:
                if error.errno in _IS_ANOTHER:
                    self._skip(above)
                elif error.errno != errno.ENOENT:
                    message = f"The output folder {above!r} cannot be read: {error.strerror}."
                    raise TaskError(Reason.OUTPUT, message) from error
        return sorted(found, key=lambda file: file.path)

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[int | None]:
        """A file's descriptor, for reading; None where there is something else by now, with a warning.

        Raises TaskError where it cannot be opened.
        """
        try:
            descriptor = self._descend(path, _FILE)
        except OSError as error:
            if error.errno not in _IS_ANOTHER:
                message = f"Output {path!r} cannot be read: {error.strerror}."
                raise TaskError(Reason.OUTPUT, message) from error
            self._skip(path)
            yield None
            return
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                yield descriptor
            else:
                self._skip(path)
                yield None
        finally:
            os.close(descriptor)

    def _list(self, above: str, found: list[Found], folders: list[str], most: int | None) -> None:
        """Add what is in the folder `above`, "" or "a/b/", to the other two."""
        descriptor = self._descend(f"{above}.", _FOLDER)
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    path = f"{above}{entry.name}"
                    if path == RESULT_FOLDER:  # a forged result would be believed, should ours not follow
                        self._skip(path, "its name is kept for the result file")
                        continue
                    self._count += 1
                    if most is not None and self._count > most:
                        what = f"The output folder has more than {most:,} files, folders and links"
                        message = f"{what}, the limit that ALGORITHM_MAX_OUTPUT_FILES sets."
                        raise TaskError(Reason.OUTPUT, message)
                    if entry.is_dir(follow_symlinks=False):
                        if len(os.fsencode(path)) > _LONGEST_PATH:
                            message = f"The output folder {path[:100]!r}... lies too deep to be stored."
                            raise TaskError(Reason.OUTPUT, message)
                        folders.append(f"{path}/")
                    elif entry.is_file(follow_symlinks=False):
                        found.append(Found(path, entry.stat(follow_symlinks=False).st_size))
                    else:
                        self._skip(path)
        finally:
            os.close(descriptor)

    def _descend(self, path: str, flags: int) -> int:
        """Open what is at this path, where no folder on the way may be a link."""
        *folders, name = path.split("/")
        descriptor = self._descriptor
        try:
            for folder in folders:
                below = os.open(folder, _FOLDER, dir_fd=descriptor)
                if descriptor != self._descriptor:
                    os.close(descriptor)
                descriptor = below
            return os.open(name, flags, dir_fd=descriptor)
        finally:
            if descriptor != self._descriptor:
                os.close(descriptor)

    def _skip(self, path: str, why: str = "it is neither a regular file nor a folder") -> None:
        self._skipped += 1
        if self._skipped <= _NAMED:
            _log.warning("Output %r is not stored: %s.", path, why)
        elif self._skipped == _NAMED + 1:
            _log.warning("Further outputs are not stored either; only the first %d are named.", _NAMED)
