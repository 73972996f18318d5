"""What a training left in the model folder, of which SageMaker makes the model: worth a warning where odd."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_NAMED = 3  # files that a warning names
_CODE = "code"  # the code that serves the model: training need not write it

_State = tuple[int, int, int]


class ModelFolder:
    """The model folder as it was before the training."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = _files(folder)

    def warning(self, name: str) -> str | None:
        """Return what is odd now that a training has ended well; None if nothing is. name: what trained."""
        after = _files(self._folder)
        old = sorted(path for path, state in after.items() if self._before.get(path) == state)
        if len(old) == len(after):
            what = f"nothing but files from before this run ({_some(old)})" if old else "no file"
            return f"{name} ended well, but there is {what} in {self._folder}: save the model there."
        if old:
            return (
                f"{self._folder} has files from before this run that {name} did not write: {_some(old)}."
                " They become part of the model, too; remove them if they belong to another one."
            )
        return None


def _files(folder: Path) -> dict[str, _State]:
    """Each file below the folder, and what changes when it is written; not hidden files, and not code/."""
    found = {}
    for path, folders, files in os.walk(folder):
        here = Path(path)
        folders[:] = [name for name in folders if name[0] != "." and (here / name) != folder / _CODE]
        for file in (here / name for name in files if name[0] != "."):
            with contextlib.suppress(OSError):  # it has just been removed
                status = file.lstat()
                found[str(file.relative_to(folder))] = status.st_ino, status.st_size, status.st_mtime_ns
    return found


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more
