"""A HOME that can be written to, and a user name, for a process of whatever user id (A4).

Libraries keep their caches and settings below HOME, and some ask for the user's name. A user id without an
entry in /etc/passwd has neither, and root's HOME is closed to the user that root's workers become.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

# What nginx and the workers become if serve is root: the image has the first, every Linux the other.
UNPRIVILEGED_USERS = ("longshore", "nobody")

_NAME = "longshore"  # of a user that has none
_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # which getpass.getuser() looks at


def variables(
    environ: Mapping[str, str], make_home: Callable[[], Path], user: pwd.struct_passwd | None = None
) -> dict[str, str]:
    """Return what has to change in an environment for a process to have a HOME and a name.

    Args:
        environ: the environment.
        make_home: makes a folder for this process; called only if the environment's own HOME cannot be used.
        user: who the process becomes; None if it stays who this one is.
    """
    changed = {}
    home = environ.get("HOME", "")
    if not (_may_use(home) if user is None else _open_to(home, user)):
        with contextlib.suppress(OSError):  # nothing can be written: no HOME would be better
            folder = make_home()
            if user is not None:
                os.chown(folder, user.pw_uid, user.pw_gid)
            changed["HOME"] = str(folder)
    if user is not None:
        changed |= {"LOGNAME": user.pw_name, "USER": user.pw_name}
    elif not any(environ.get(name) for name in _NAMES) and not _is_known(os.geteuid()):
        changed |= {"LOGNAME": _NAME, "USER": _NAME}
    return changed


def temporary(stack: contextlib.ExitStack) -> Path:
    """Return a new folder, which is removed when the stack is closed."""
    made = tempfile.TemporaryDirectory(prefix="longshore-", ignore_cleanup_errors=True)
    return Path(stack.enter_context(made))


def _may_use(home: str) -> bool:
    return home.startswith("/") and Path(home).is_dir() and os.access(home, os.W_OK | os.X_OK)


def _open_to(home: str, user: pwd.struct_passwd) -> bool:
    """Whether this user can write to the folder, by the modes of it and of those above it."""
    if not home.startswith("/"):
        return False
    try:
        folder = Path(home).resolve()
        return _allows(folder, user, 0o3) and all(_allows(parent, user, 0o1) for parent in folder.parents)
    except OSError:
        return False


def _allows(folder: Path, user: pwd.struct_passwd, wanted: int) -> bool:
    """wanted: bits as in the last digit of a mode."""
    status = folder.stat()
    mode = status.st_mode
    if status.st_uid == user.pw_uid:
        mode >>= 6
    elif status.st_gid == user.pw_gid:
        mode >>= 3
    return stat.S_ISDIR(status.st_mode) and mode & wanted == wanted


def _is_known(user_id: int) -> bool:
    try:
        pwd.getpwuid(user_id)
    except KeyError:
        return False
    return True
