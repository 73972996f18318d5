"""Becomes a program of the host engine, with the container's view of the files: run as a script of its own.

In a process of its own, because what it does holds for a process: it joins a memory limit, makes a mount
namespace (as root, or within a user namespace where that is allowed), lays the container's folders out,
changes the user and becomes the program. The kernel takes the mounts away with the last process.

On stdin comes what is wanted, a JSON object. The argument is the descriptor to write to what went wrong,
which the program's start closes: nothing in it means that the program runs. Only the standard library, and
little of it: this is paid for at every start.
"""

# pathlib takes longer to import than all else here takes.
# ruff: noqa: PTH103, PTH112, PTH114, PTH115, PTH118, PTH120, PTH123, PTH208, PTH211, PTH102

from __future__ import annotations

import ctypes
import json
import os
import platform
import struct
import sys
from typing import Any

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
_CLONE_NEWUTS = 0x4000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY = 1
# The same number on all architectures but alpha; C libraries are too young to have its name everywhere.
_SYS_MOUNT_SETATTR = 4538 if platform.machine() == "alpha" else 442

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    wanted: dict[str, Any] = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    step = "start"
    try:
        for file in wanted["cgroup"]:
            step = f"join {file}"
            with open(file, "w") as joined:
                joined.write("0")
        if wanted["namespace"]:
            step = "make a namespace"
            host_name = wanted["host_name"]
            _unshare(
                _CLONE_NEWNS
                | (0 if wanted["network"] else _CLONE_NEWNET)
                | (0 if host_name is None else _CLONE_NEWUTS)
            )
            if host_name is not None:
                name = os.fsencode(host_name)
                _check(_libc.sethostname(name, len(name)))
            if not wanted["network"]:
                _loopback_up()
            step = "lay out the container's folders"
            _lay_out(wanted["mounts"], wanted["writable"], wanted["read_only_root"])
        if wanted["user"] is not None:
            step = "change the user"
            user, group, groups = wanted["user"]
            os.setgroups(groups)
            os.setgid(group)
            os.setuid(user)
        argv: list[str] = wanted["argv"]
        if not argv:  # it was only asked whether all this can be done
            return
        step = f"run {argv[0]}"
        os.chdir(wanted["folder"])
        os.execvpe(argv[0], argv, dict(wanted["environment"]))
    except OSError as error:
        what = f" ({error.filename})" if error.filename else ""
        os.write(report, f"cannot {step}: {error.strerror}{what}".encode())
        os._exit(127)


def _unshare(flags: int) -> None:
    """As root, or else within a user namespace in which the user stays who he is."""
    user, group = os.geteuid(), os.getegid()
    if user == 0 and _libc.unshare(flags) == 0:
        return
    _check(_libc.unshare(flags | _CLONE_NEWUSER))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _lay_out(mounts: list[tuple[str, str, bool]], writable: list[str], read_only_root: bool) -> None:
    """mounts: (source, target, read-only), outer before inner. writable: stay so where the root is not."""
    _mount("none", "/", _MS_REC | _MS_PRIVATE)
    made = []
    for source, target, read_only in mounts:
        # A descriptor, because a mount made before may hide the path.
        folder = os.open(source, os.O_PATH)
        _make_target(target, os.path.isdir(source))
        _mount(f"/proc/self/fd/{folder}", target, _MS_BIND | _MS_REC)
        os.close(folder)
        if read_only:
            _set_read_only(target, True)
        made.append((target, read_only))
    if read_only_root:
        for folder_name in writable:
            _mount(folder_name, folder_name, _MS_BIND)
            made.append((folder_name, False))
        if os.path.ismount("/dev/shm"):
            made.append(("/dev/shm", False))
        _set_read_only("/", True, _AT_RECURSIVE)
        for target, read_only in made:
            _set_read_only(target, read_only)


def _make_target(target: str, is_folder: bool) -> None:
    """A place to mount on. The system's own folders get no new entry: theirs is laid over by one in memory,
    which shows all that was there, and has the new one too."""
    if os.path.lexists(target):
        return
    parent = os.path.dirname(target)
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    _cover(parent)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if is_folder:
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT))


def _cover(folder: str) -> None:
    below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    # Nothing can be laid over the root of a process: a new one is made on a folder of it, and entered.
    place = "/tmp" if folder == "/" else folder
    hidden = os.open(place, os.O_PATH)
    _mount("tmpfs", place, 0, "tmpfs", "mode=755")
    for name in os.listdir(below):
        path, new = os.path.join(folder, name), os.path.join(place, name)
        old = f"/proc/self/fd/{hidden}/." if path == place else f"/proc/self/fd/{below}/{name}"
        if os.path.islink(old):
            os.symlink(os.readlink(old), new)
            continue
        if os.path.isdir(old):
            os.mkdir(new)
        else:
            os.close(os.open(new, os.O_CREAT))
        _mount(old, new, _MS_BIND | _MS_REC)
        if path == place:  # what has just been laid over it has come along
            _check(_libc.umount2(os.fsencode(new), _MNT_DETACH), new)
    os.close(below)
    os.close(hidden)
    if folder == "/":
        os.chroot(place)


def _loopback_up() -> None:
    import fcntl
    import socket

    with socket.socket() as any_socket:
        # struct ifreq: the interface's name, then its flags: IFF_UP | IFF_RUNNING.
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 0x41))


def _set_read_only(target: str, read_only: bool, flags: int = 0) -> None:
    attributes = struct.pack("QQQQ", _ATTR_RDONLY if read_only else 0, 0 if read_only else _ATTR_RDONLY, 0, 0)
    path = os.fsencode(target)
    _check(_libc.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, path, flags, attributes, len(attributes)), target)


def _mount(source: str, target: str, flags: int, kind: str | None = None, options: str | None = None) -> None:
    text = [None if part is None else os.fsencode(part) for part in (source, target, kind, options)]
    _check(_libc.mount(text[0], text[1], text[2], ctypes.c_ulong(flags), text[3]), target)


def _check(result: int, file: str | None = None) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), file)


main()
