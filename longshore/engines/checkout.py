"""What a host engine's image, host:PATH, has to run, and as which user."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import sys
from pathlib import Path
from typing import NamedTuple

from longshore.engines.base import HOST_PREFIX, Container
from longshore.errors import UserError


class Programs(NamedTuple):
    """Where an image's programs lie, as PATH has it in ours; entrypoint: for one that is a single file."""

    folder: Path
    entrypoint: tuple[str, ...]
    virtualenv: Path


def programs(image: str) -> Programs:
    path = Path(image.removeprefix(HOST_PREFIX)).expanduser().absolute()
    beside = path if path.is_dir() else path.parent
    virtualenv = next(
        (bin for bin in (beside / ".venv" / "bin",) if bin.is_dir()), Path(sys.executable).parent
    )
    for folder in (path / "container", path):
        if any(os.access(folder / program, os.X_OK) for program in ("serve", "train")):
            return Programs(folder, (), virtualenv)
    if path.is_file() and os.access(path, os.X_OK):
        return Programs(path.parent, (str(path),), virtualenv)
    what = "it is neither a folder with `serve`, `train` or container/serve nor an executable file."
    raise UserError(
        image, what if path.exists() else "there is no such file or folder.", "Name a project's folder."
    )


def user(container: Container) -> tuple[int, int, list[int]] | None:
    """User, group and further groups, as `docker run --user` reads it; None for who runs this."""
    if not container.user:
        return None
    name, _, group = container.user.partition(":")
    try:
        known = _known_user(name)
        user = int(name) if known is None else known.pw_uid
        primary = (0 if known is None else known.pw_gid) if not group else _group(group)
    except (KeyError, ValueError) as error:
        raise UserError(
            container.image, f"there is no user {container.user} here.", "Name one by number."
        ) from error
    if os.geteuid() != 0:
        if (user, primary) == (os.geteuid(), os.getegid()):
            return None
        raise UserError(
            container.image, f"only root can run it as user {user}.", "Leave the user out, or use Docker."
        )
    return user, primary, [] if known is None or group else os.getgrouplist(known.pw_name, primary)


def _known_user(name: str) -> pwd.struct_passwd | None:
    if name.isdigit():
        with contextlib.suppress(KeyError):
            return pwd.getpwuid(int(name))
        return None
    return pwd.getpwnam(name)


def _group(name: str) -> int:
    return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
