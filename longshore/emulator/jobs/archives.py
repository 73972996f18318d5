"""model.tar.gz and output.tar.gz (D6)."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

# On a laptop the time counts, and what is packed is a model's weights, which hardly shrink.
_LEVEL = 1


def pack(folders: Sequence[Path], out: BinaryIO) -> int:
    """Write what is in the folders, nothing too, as one tar.gz without their own names; how many files.

    Where two folders have the same file, the first one's is taken. Owners are left out: whoever unpacks it
    owns it. Sockets and FIFOs that a program left behind are passed over.
    """
    files = 0
    packed = set[Path]()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as archive:
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                name = path.relative_to(folder)
                if name in packed or not (path.is_symlink() or path.is_file() or path.is_dir()):
                    continue
                packed.add(name)
                archive.add(path, str(name), recursive=False, filter=_without_owner)
                files += path.is_file()
    return files


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
