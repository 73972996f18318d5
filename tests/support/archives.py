"""Archives made for tests, in memory: honest ones, and ones no program would make."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import stat
import sys
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from longshore_runtime.runners.algorithm.archives.archive import Limits, unpack
from tests.support.files import everything

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Entries = Iterable[tuple[tarfile.TarInfo | str, bytes]]
LIMITS = Limits(files=1000, bytes=1 << 30, ratio=100)


def zstd_of_two_frames(data: bytes) -> bytes:
    """A frame to be skipped, then the data in two, as pzstd writes it."""
    skipped = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"skip"
    return skipped + zstd.compress(data[:700]) + zstd.compress(data[700:])


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tar.gz of two members": lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]),
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar.zst": zstd.compress,
    "tar.zst of two frames": zstd_of_two_frames,
}


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def tar_of(entries: Entries, kind: int = tarfile.GNU_FORMAT) -> bytes:
    """A bare tar; an entry given by its name is a file."""
    packed = io.BytesIO()
    with tarfile.TarFile(fileobj=packed, mode="w", format=kind, errors="surrogateescape") as tar:
        for entry, data in entries:
            info = member(entry) if isinstance(entry, str) else entry
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def zip_of(
    entries: Iterable[tuple[zipfile.ZipInfo | str, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A zip; an entry given by its name has it as it is, whatever zipfile thinks of it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicate names
        for entry, data in entries:
            info = zipfile.ZipInfo() if isinstance(entry, str) else entry
            if isinstance(entry, str):
                info.filename = entry
                info.compress_type = method
            archive.writestr(info, data)
    return packed.getvalue()


class Place:
    """A folder with a target in it to unpack into, and neighbours that must stay as they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = folder / "target"
        self.target.mkdir(parents=True)
        (folder / "neighbour").mkdir()
        (folder / "neighbour" / "secret").write_bytes(b"secret")
        (folder / "a").write_bytes(b"a file called as entries are")
        self._archive = folder / "archive"

    def unpack(
        self,
        packed: bytes,
        limits: Limits = LIMITS,
        stop: threading.Event | None = None,
        *,
        strip: bool = True,
    ) -> int:
        """unpack() of these bytes; strip: its strip_common."""
        self._archive.write_bytes(packed)
        try:
            return unpack(
                self._archive, self.target, "scans", limits, stop or threading.Event(), strip_common=strip
            )
        finally:
            self._archive.unlink()

    def outside(self) -> dict[str, object]:
        """All that is in the folder but not in the target, with owners, modes and counts of links."""
        found: dict[str, object] = {}
        for path, what in tree(self.folder).items():
            state = (self.folder / path).lstat()
            if not path.startswith("target/"):
                found[path] = what, state.st_mode, state.st_uid, state.st_gid
                if path != "target":  # whose folders are its links
                    found[path] = found[path], state.st_nlink
        return found

    def empty(self) -> None:
        """Take away all that was unpacked."""
        shutil.rmtree(self.target)
        self.target.mkdir()

    def files(self) -> dict[str, bytes]:
        """What was unpacked, folders left out."""
        return {path: what for path, what in tree(self.target).items() if isinstance(what, bytes)}


def tree(folder: Path) -> dict[str, object]:
    """All that is in a folder: a file's bytes, a link's text, a folder's or another thing's mode."""
    found: dict[str, object] = {}
    for path in everything(folder):
        mode = path.lstat().st_mode
        name = str(path.relative_to(folder))
        if stat.S_ISLNK(mode):
            found[name] = str(path.readlink())
        else:
            found[name] = path.read_bytes() if stat.S_ISREG(mode) else mode
    return found
