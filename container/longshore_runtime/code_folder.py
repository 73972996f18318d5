"""Where the user's code lies: a folder, or an archive of one, which is unpacked."""

from __future__ import annotations

import atexit
import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from longshore_runtime.errors import StartError

_LARGEST_MB = 1024  # of code; models have a folder of their own
_MOST_ENTRIES = 100_000
_VARIABLE = "SAGEMAKER_SUBMIT_DIRECTORY"


def names(program: str) -> tuple[str, ...]:
    """Return the file names that SAGEMAKER_PROGRAM may mean: AWS's toolkits take `inference`, too."""
    return (program,) if program.endswith(".py") else (program, f"{program}.py")


def unpacked(place: Path, run_dir: Path | None) -> Path:
    """Return the folder that SAGEMAKER_SUBMIT_DIRECTORY names, unpacked where it is an archive.

    Args:
        place: a folder, which may not be there, or a tar file, compressed or not.
        run_dir: where to unpack; several processes share what the first has unpacked, until the archive
            changes. None for a temporary folder, which is removed when this process exits.

    Raises:
        StartError: the file is no archive, or holds something other than files and folders of its own.
    """
    if not place.is_file():
        return place
    target = None
    if run_dir is not None:
        state = place.stat()
        target = run_dir / f"code-{state.st_mtime_ns}-{state.st_size}"
        if target.is_dir():
            return target
    folder = Path(tempfile.mkdtemp(prefix="code-", dir=run_dir))
    try:
        _unpack(place, folder)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StartError(
            _VARIABLE,
            f"{place} cannot be unpacked: {error}.",
            "Give a folder, or a tar.gz file of files and folders.",
        ) from None
    if target is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder
    try:
        folder.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(folder, ignore_errors=True)
    return target


def _unpack(archive: Path, folder: Path) -> None:
    # Without tarfile's own filters, which the first releases of Python 3.11 do not have.
    left, entries = _LARGEST_MB * 2**20, 0
    with tarfile.open(archive) as opened:
        for member in opened:
            entries, left = entries + 1, left - member.size
            if left < 0 or entries > _MOST_ENTRIES:
                raise ValueError(f"it has more than {_LARGEST_MB} MB or {_MOST_ENTRIES} files")
            path = Path(os.path.normpath(member.name))
            if path.is_absolute() or os.pardir in path.parts:
                raise ValueError(f"{member.name!r} is a path outside of it")
            if member.isdir():
                (folder / path).mkdir(parents=True, exist_ok=True)
            elif member.isfile():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                source = opened.extractfile(member)
                assert source is not None  # None only for entries that are not files
                with source, (folder / path).open("wb") as file:
                    shutil.copyfileobj(source, file)
                (folder / path).chmod(0o755 if member.mode & 0o100 else 0o644)
            else:
                raise ValueError(f"{member.name!r} is neither a file nor a folder")
    folder.chmod(0o755)
