"""Who the program runs as: the image's USER, `user[:group]`, as numbers the kernel knows.

Names are looked up in the image's own passwd and group files, once, at start: a task never waits for it.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

from longshore_runtime.errors import StartError
from longshore_runtime.runners.algorithm.program.task_users import TaskUser

VARIABLE = "ALGORITHM_USER"
_MOST = 2**32 - 2  # the kernel's last id means "no change"


@dataclass(frozen=True)
class Identity:
    """What a program becomes before it starts; None leaves that part as it is in the server.

    groups: the supplementary groups, gid first; () takes all of them away. home: the new HOME.
    alone: the ids that no other task has, where this is a task's own user. confined: whether the program is
    kept from gaining rights, by setuid programs for example.
    """

    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None
    home: str | None = None
    alone: TaskUser | None = None
    confined: bool = False

    @property
    def owner(self) -> tuple[int, int] | None:
        """The ids for chown, -1 for one that stays as it is; None where both do."""
        if self.uid is None and self.gid is None:
            return None
        return (-1 if self.uid is None else self.uid), (-1 if self.gid is None else self.gid)


def hint(identity: Identity) -> str:
    """What to add to a fault that a task's own user may have caused; "" where it has none."""
    if identity.alone is None:
        return ""
    return f". Each task runs as a user of its own; {VARIABLE}=root runs the program as root, uncontained"


def parse(text: str, extra_groups: bool) -> Identity:
    """`user[:group]` or `:group`, each a name or a number; '' stays who we are.

    A number that no file knows is taken as it is, without home and groups. extra_groups: take on the
    user's supplementary groups; without it they stay as they are.
    Raises StartError for an unknown name, and where somebody else is asked for and we are not root.
    """
    if text == "":
        return Identity()
    user, colon, group = text.partition(":")
    if (colon and not group) or not (user or group):
        raise _error(
            f"{text!r} is not user[:group].", "Set it to a name or number such as 1000 or app:staff."
        )
    entry = _user(user) if user else None
    uid = entry.pw_uid if entry else _number(user, "user") if user else None
    own_gid = entry.pw_gid if entry else None
    gid = _group(group) if group else own_gid
    home = entry.pw_dir if entry else None
    if os.geteuid() != 0:
        if uid not in (None, os.geteuid()) or gid not in (None, os.getegid()):
            raise _error(
                f"{text!r} is somebody else, and the server does not run as root.",
                "Run the container as root (--user 0:0), or leave the variable out.",
            )
        return Identity(home=home)  # a second time we are this already; setgroups would be refused
    groups = {g.gr_gid for g in grp.getgrall() if entry and entry.pw_name in g.gr_mem}
    groups |= {own_gid} if own_gid is not None else set()
    first = () if gid is None else (gid,)
    ordered = (*first, *sorted(groups - {gid}))
    return Identity(uid, gid, ordered if extra_groups else None, home)


def _user(text: str) -> pwd.struct_passwd | None:
    """By name before by number: a name may be all digits. None for a number no file knows."""
    try:
        return pwd.getpwnam(text)
    except KeyError:
        pass
    try:
        return pwd.getpwuid(_number(text, "user"))
    except KeyError:
        return None


def _group(text: str) -> int:
    try:
        return grp.getgrnam(text).gr_gid
    except KeyError:
        return _number(text, "group")


def _number(text: str, kind: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= _MOST:
        return int(text)
    raise _error(
        f"there is no {kind} {text!r} in the image.", "Add it in the Dockerfile, or give its number."
    )


def _error(what: str, remedy: str) -> StartError:
    return StartError(VARIABLE, what, remedy)
