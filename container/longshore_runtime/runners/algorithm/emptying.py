"""Empties folders, whatever a program has left in them.

What a program leaves is hostile until proved otherwise: links out of the folder, folders that nobody may
read, trees deeper than any path. So nothing here follows a link, and nothing here recurses.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC  # how a folder is opened, and nothing else
_ROUNDS = 5  # how often a folder is emptied while somebody goes on writing into it


def remove_owned(folder: Path, uid: int, keep: Iterable[Path]) -> None:
    """Remove what lies in this folder and belongs to this user, whatever is in it, but none of `keep`.

    Raises OSError as empty does.
    """
    try:
        top = os.open(folder, os.O_RDONLY | FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        new_names = map(f".{secrets.token_hex(8)}-{{}}".format, itertools.count())
        for name in set(os.listdir(top)) - {path.name for path in keep if path.parent == folder}:  # noqa: PTH208
            with suppress(FileNotFoundError):
                if os.stat(name, dir_fd=top, follow_symlinks=False).st_uid == uid:
                    names = [name]
                    while names:
                        names += _without(names.pop(), top, new_names)
    finally:
        os.close(top)


def empty(folder: Path) -> None:
    """Remove all that is in the folder, but not the folder; one that is not there is empty.

    Links are removed, never followed; folders without permissions are opened up first. Two descriptors
    do for any depth, because what is in an inner folder moves up before that folder goes.
    Raises OSError where something cannot be removed, or the folder is a link or a file.
    """
    try:
        top = _unlocked(folder, None)
    except FileNotFoundError:
        return
    try:
        new_names = map(f".{secrets.token_hex(8)}-{{}}".format, itertools.count())
        for _ in range(_ROUNDS):
            names = os.listdir(top)  # noqa: PTH208  # a descriptor has no Path
            if not names:
                return
            while names:
                names += _without(names.pop(), top, new_names)
        raise OSError(errno.ENOTEMPTY, "something goes on writing into it", str(folder))
    finally:
        os.close(top)


def _without(name: str, top: int, new_names: Iterator[str]) -> list[str]:
    """Remove one entry of the folder top; returns the names of what moved up from inside it."""
    if _unlinked(name, top):
        return []
    moved = []
    inner = _unlocked(name, top)
    try:
        for child in os.listdir(inner):  # noqa: PTH208
            if not _unlinked(child, inner):
                moved.append(next(new_names))
                try:
                    os.rename(child, moved[-1], src_dir_fd=inner, dst_dir_fd=top)
                except PermissionError:  # to move a folder is to write in it
                    os.close(_unlocked(child, inner))
                    os.rename(child, moved[-1], src_dir_fd=inner, dst_dir_fd=top)
    finally:
        os.close(inner)
    with suppress(FileNotFoundError):
        try:
            os.rmdir(name, dir_fd=top)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:  # somebody still writes: the next round has it
                raise
    return moved


def _unlinked(name: str, folder: int) -> bool:
    """Remove an entry that is no folder; False for a folder."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        return False
    except FileNotFoundError:
        pass
    return True


def _unlocked(path: Path | str, parent: int | None) -> int:
    """A descriptor of a folder, whose owner may read and change it from now on."""
    pinned = os.open(path, os.O_PATH | FOLDER, dir_fd=parent)  # needs no permission on the folder itself
    try:
        mode = stat.S_IMODE(os.fstat(pinned).st_mode)
        if mode & 0o700 != 0o700:
            with suppress(PermissionError):  # not ours: what follows will tell whether that matters
                os.chmod(f"/proc/self/fd/{pinned}", mode | 0o700)  # noqa: PTH101  # by name it could be a link
        return os.open(".", os.O_RDONLY | FOLDER, dir_fd=pinned)
    finally:
        os.close(pinned)
