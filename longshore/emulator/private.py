"""Folders and files that no other user of this machine may read or write, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

from longshore.errors import UserError


def make_folder(folder: Path, *, used_for: str) -> None:
    """Make a folder for this user alone.

    One that is there already is closed to others, unless it has other files than used_for names.

    Args:
        folder: with its parents.
        used_for: a pattern (glob) of which there is a file in each folder that is used as this one.

    Raises:
        UserError: if another user has made it, or could have put something into it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for found in (folder.lstat(), folder.stat()):  # a link of the user's own may lead to it
        _check_owner(folder, found)
    if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UserError(
            str(folder),
            "other users may write to it, and this emulator would run what they put there.",
            f"Look at what is in it, then: chmod 700 {folder}",
        )
    if any(folder.glob(used_for)) or not any(folder.iterdir()):
        folder.chmod(0o700)


def make_subfolder(folder: Path) -> None:
    """Make a folder for this user alone in one of make_folder(), or close to others the one that is there.

    Raises:
        UserError: if something else has its name, such as a link, or another user has made it.
    """
    if not is_own_folder(folder):
        folder.mkdir(mode=0o700)
    folder.chmod(0o700)


def is_own_folder(folder: Path) -> bool:
    """Return whether there is such a folder. UserError if it is a link or no folder, or another user's."""
    return _is_own(folder, stat.S_ISDIR, "folder")


def is_own_file(file: Path) -> bool:
    """Return whether there is such a file. UserError if it is a link or no file, or another user's."""
    return _is_own(file, stat.S_ISREG, "file")


def open_lock(file: Path) -> IO[bytes]:
    """Open a file to be locked; make it if there is none. UserError if it is not an own one."""
    is_own_file(file)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    lock = os.fdopen(os.open(file, flags, 0o600), "r+b", buffering=0)
    os.fchmod(lock.fileno(), 0o600)
    return lock


def _is_own(path: Path, is_kind: Callable[[int], bool], kind: str) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    _check_owner(path, found)
    if not is_kind(found.st_mode):
        what = "a link" if stat.S_ISLNK(found.st_mode) else f"no {kind}"
        raise UserError(
            str(path),
            f"it is {what}, and the emulator keeps a {kind} of its own there.",
            "Look at what it is, then remove it, or name another folder.",
        )
    return True


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise UserError(
            str(path),
            f"it belongs to user {found.st_uid}, and this is user {os.geteuid()}.",
            "Remove it, or name another folder.",
        )
