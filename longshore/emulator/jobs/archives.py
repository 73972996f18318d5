"""model.tar.gz and output.tar.gz (D6)."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import BinaryIO

# On a laptop the time counts, and what is packed is a model's weights, which hardly shrink.
_LEVEL = 1


def pack(folder: Path, out: BinaryIO) -> int:
    """Write what is in a folder, nothing too, as a tar.gz without the folder's own name; how many files.

    Owners are left out: whoever unpacks it owns it. Sockets and FIFOs a program left behind are passed over.
    """
    files = 0
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            if not (path.is_symlink() or path.is_file() or path.is_dir()):
                continue
            archive.add(path, str(path.relative_to(folder)), recursive=False, filter=_without_owner)
            files += path.is_file()
    return files


def _without_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
