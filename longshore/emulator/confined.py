"""Files that a container writes, read without being led out of the job's folder.

A container may put a link in the place of any file or folder of its own, also while it is read. Here such a
link leads to this machine's files, not to the container's.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from pathlib import Path
from typing import IO

_log = logging.getLogger("longshore.emulator")


def open_file(path: Path, root: Path) -> IO[bytes]:
    """Open a regular file for reading; OSError if it is none, or does not lie below root.

    Args:
        path: may have links in it.
        root: a folder that no container can replace.
    """
    if not hasattr(os, "O_PATH"):  # not Linux: looked at before it is opened
        _check(path.stat().st_mode, path.resolve(), path, root)
        return path.open("rb")
    found = os.open(path, os.O_PATH)
    try:
        same = Path("/proc/self/fd", str(found))
        _check(os.fstat(found).st_mode, same.readlink(), path, root)
        return same.open("rb")
    finally:
        os.close(found)


def files(folder: Path, root: Path) -> list[Path]:
    """All regular files below a folder, and links to such within root; without FIFOs, sockets and devices."""
    if not is_within(folder, root):
        _log.warning("%s is left out: a container made a link of it, which leads elsewhere.", folder)
        return []
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            if path.is_symlink() and not is_within(path, root):
                _log.warning("%s is left out: a container made this link, which leads elsewhere.", path)
            else:
                found.append(path)
    return found


def is_within(path: Path, root: Path) -> bool:
    """Whether a path leads to a place below root, after its links were followed."""
    return path.resolve().is_relative_to(root.resolve())


def _check(mode: int, real: Path, path: Path, root: Path) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if not real.is_relative_to(root.resolve()):
        raise OSError(errno.ELOOP, "it is a link that leads out of the container's folders", str(path))
