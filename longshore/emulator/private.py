"""Folders and files that no other user of this machine may read or write, whatever the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path

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
    check_owner(folder)
    if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UserError(
            str(folder),
            "other users may write to it, and this emulator would run what they put there.",
            f"Look at what is in it, then: chmod 700 {folder}",
        )
    if any(folder.glob(used_for)) or not any(folder.iterdir()):
        folder.chmod(0o700)


def check_owner(path: Path) -> None:
    """UserError if a file or folder, or a link of this name, is another user's."""
    for found in (path.lstat(), path.stat()):
        if found.st_uid != os.geteuid():
            raise UserError(
                str(path),
                f"it belongs to user {found.st_uid}, and this is user {os.geteuid()}.",
                "Remove it, or name another folder.",
            )
