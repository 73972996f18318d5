"""model.tar.gz and output.tar.gz (D6)."""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, BinaryIO, cast

from longshore.emulator import confined
from longshore.emulator.watched import Check, Watched

_log = logging.getLogger("longshore.emulator")

# On a laptop the time counts, and what is packed is a model's weights, which hardly shrink.
_LEVEL = 1


def pack(folders: Sequence[Path], out: BinaryIO, root: Path, check: Check = lambda: None) -> int:
    """Write what is in the folders, nothing too, as one tar.gz without their own names; how many files.

    Where two folders have the same file, the first one's is taken. Owners are left out: whoever unpacks it
    owns it. Sockets and FIFOs that a program left behind are passed over, and links are packed as such.

    Args:
        root: what contains the folders; files elsewhere, to which a container's links lead, are not packed.
        check: called between blocks, and may raise.
    """
    files = 0
    packed = set[Path]()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as archive:
        for folder in folders:
            if not confined.is_within(folder, root):
                _log.warning("%s is left out: a container made a link of it, which leads elsewhere.", folder)
                continue
            for path in sorted(folder.rglob("*")):
                name = path.relative_to(folder)
                if name in packed or not (path.is_symlink() or path.is_file() or path.is_dir()):
                    continue
                packed.add(name)
                member = _without_owner(archive.gettarinfo(path, str(name)))
                if member.isreg():
                    with confined.open_file(path, root) as file:
                        archive.addfile(member, cast("IO[bytes]", Watched(file, check)))
                else:
                    archive.addfile(member)
                files += path.is_file()
    return files


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
