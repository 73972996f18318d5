"""Which user the workers become where serve runs as root (A4): an unprivileged one, where the files allow."""

from __future__ import annotations

import grp
import os
import pwd
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from longshore_runtime import home

# What a worker reads of Python itself. A virtualenv's packages may be in other folders than its own.
PYTHON = [
    Path(sys.prefix),
    Path(sysconfig.get_path("stdlib")),
    *(Path(entry) for entry in sys.path if entry.endswith("-packages") and Path(entry).is_dir()),
]


def unprivileged_user() -> pwd.struct_passwd | None:
    """The user to drop to, or None where this process is not root and so stays who it is."""
    if os.geteuid() != 0:
        return None
    for name in home.UNPRIVILEGED_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def keep_for(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Close a folder to everybody but us and this user's group; where we are not root it stays as it is."""
    if os.geteuid() == 0:
        os.chown(folder, -1, os.getegid() if user is None else user.pw_gid)
        folder.chmod(0o750)


def why_not(user: pwd.struct_passwd, folders: Iterable[Path], trees: Iterable[Path] = ()) -> str | None:
    """Why no process of ours can work as this user: a folder, or something in a tree, that it cannot read.

    None where nothing is in the way. Asked in a forked child that has become that user, because only
    the kernel knows the whole answer (modes, groups, access lists, mounts). Call it before any thread
    is started.
    """
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            found = next(_unreadable(folders, trees), None)
            os.write(sending, b"" if found is None else os.fsencode(found)[:4096])
            os._exit(0)
        finally:
            os._exit(1)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        unreadable = os.fsdecode(pipe.read())
    _, status = os.waitpid(child, 0)
    if status != 0:
        return f"this process may not become user {user.pw_name}"
    return f"user {user.pw_name} cannot read {unreadable}" if unreadable else None


def _unreadable(folders: Iterable[Path], trees: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if not os.access(folder, os.R_OK | os.X_OK):
            yield folder
    for tree in trees:
        if not os.access(tree, os.F_OK) and not os.access(tree.parent, os.X_OK):
            yield tree  # it cannot be seen at all
        for path, folders_inside, files in os.walk(tree):
            here = Path(path)
            if not os.access(here, os.R_OK | os.X_OK):
                yield here
            yield from (here / name for name in files if not os.access(here / name, os.R_OK))
            # os.walk steps over a folder it may not list without a word.
            yield from (
                here / name for name in folders_inside if not os.access(here / name, os.R_OK | os.X_OK)
            )


def name_and_group(user: pwd.struct_passwd) -> tuple[str, str]:
    """The names of this user and of its own group."""
    return user.pw_name, grp.getgrgid(user.pw_gid).gr_name
