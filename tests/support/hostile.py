"""What a program may leave in a folder, and asking something as a user who is not root."""

from __future__ import annotations

import json
import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def as_normal_user(ask: Callable[[], Any]) -> Any:
    """What ask() answers, as JSON would carry it, in a process that is not root."""
    if os.geteuid() != 0:
        return json.loads(json.dumps(ask()))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            answer = json.dumps(ask())
        except BaseException:  # noqa: BLE001  # the parent shows it
            answer = json.dumps(traceback.format_exc())
        with os.fdopen(writing, "w") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


def picture(top: Path) -> list[tuple[str, int, int, str]]:
    """Every entry below top: name, mode, owner, and what is in it."""
    found = []
    for path in sorted(top.rglob("*")):
        status = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found.append((str(path.relative_to(top)), status.st_mode, status.st_uid, content))
    return found


def leave_everything_hostile(folder: Path, outside: Path) -> None:
    (folder / "link to a file").symlink_to(outside / "file")
    (folder / "link to a folder").symlink_to(outside)
    (folder / "link to nothing").symlink_to("nothing")
    (folder / "link to itself").symlink_to("link to itself")
    (folder / "hard link").hardlink_to(outside / "file")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\n")).write_text("no Unicode")
    (folder / ("x" * 255)).write_text("")
    (folder / ".hidden").mkdir()
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "link").symlink_to(outside)
    (inner / "file").write_text("")
    (inner / "c").mkdir()
    (inner / "c" / "d").mkdir()
    for locked, mode in ((inner / "c", 0o555), (inner, 0o000), (folder / "a", 0o444)):
        (folder / "file without permissions").touch(mode=0o000)
        locked.chmod(mode)
