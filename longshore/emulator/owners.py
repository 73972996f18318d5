"""Who owns what an emulator leaves on this machine, and whether that one still lives.

Each running emulator has a folder with a lock, which the kernel lets go of however the process ends. The next
one that starts finds the folders whose lock is free, and removes what belonged to them: containers,
processes, files.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from longshore.emulator import private

_PREFIX = "emulator"  # of the folders' names
_USES = "uses-"


class Owner:
    """This emulator's mark and its folder, until close().

    UserError if another user has made the folder of all emulators. No other user may read what is in it, such
    as models and S3's objects.
    """

    def __init__(self) -> None:
        self._root = Path(tempfile.gettempdir()) / f"longshore-emulators-{os.getuid()}"
        private.make_folder(self._root, used_for=f"{_PREFIX}*")
        self.mark = f"{_PREFIX}{secrets.token_hex(4)}"
        self.folder = self._root / self.mark
        self.folder.mkdir(mode=0o700)
        self.leaves_something = False  # that the next emulator is to remove
        self._lock = (self.folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def dead(self) -> list[str]:
        """The marks of emulators that have ended without removing what they had."""
        return [
            path.name
            for path in self._root.glob(f"{_PREFIX}*")
            if path.name != self.mark and private.is_own_folder(path) and _is_free(path / "lock")
        ]

    def uses(self, engine: str) -> None:
        """From now on this engine may have something of this emulator's."""
        (self.folder / f"{_USES}{engine}").touch()

    def used(self, mark: str) -> list[str]:
        """The engines that may have something of a dead one's."""
        return [path.name.removeprefix(_USES) for path in (self._root / mark).glob(f"{_USES}*")]

    def bury(self, mark: str) -> None:
        """Remove a dead one's folder: the last thing, so that what failed before is tried again next time."""
        shutil.rmtree(self._root / mark, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder; where something is left, let the next emulator find it."""
        if not self.leaves_something:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


def _is_free(lock: Path) -> bool:
    if not private.is_own_file(lock):
        return False
    try:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False  # it is just being made, or just being removed
    except BlockingIOError:
        return False
    return True
