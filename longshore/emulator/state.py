"""What survives a restart with --state DIR: one file, written as a whole, beside S3's contents.

The file is renamed into its place when all of it is on the disk, so that there is always a whole one. After
that comes a pause of a fixed length, however long the writing took: a change waits for one pause and two
writings at most. Contents that the file does not name are removed at the next start.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pickle
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

from longshore.emulator import private
from longshore.emulator.books import Books, pickled
from longshore.emulator.books.lost_contents import drop_objects_without_content
from longshore.emulator.records import Records
from longshore.errors import UserError

_log = logging.getLogger("longshore.emulator")

_FORM = 1  # of the file
_PAUSE_SECONDS = 0.5  # between two writings


class State:
    """A folder with the state of one emulator. UserError where it cannot be used.

    No other user may read it, nor write it: the file is pickled, and may run any code when it is read.
    """

    def __init__(self, folder: Path, account: str, region: str) -> None:
        self.folder = folder
        self._about = {"form": _FORM, "account": account, "region": region, "moto": version("moto")}
        self._file = folder / "state"
        try:
            private.make_folder(folder, used_for="lock")
            for file in (self._file, self._file.with_suffix(".new")):
                if private.is_own_file(file):
                    file.chmod(0o600)
            self._lock = private.open_lock(folder / "lock")
        except OSError as error:
            raise self._unusable(f"it cannot be written: {error.strerror}.", "Name another one.") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise self._unusable(
                "another emulator uses it.", "End that one, or name another folder."
            ) from None
        self._dirty = threading.Event()
        self._saving = threading.Lock()
        self._closed = threading.Event()
        self._told: set[str] = set()
        self._kept: dict[str, Any] = {}

    def load(self) -> None:
        """Read the file, where there is one."""
        try:
            with self._file.open("rb") as file:
                self._kept = pickle.load(file)
            before = {option: self._kept["about"][option] for option in ("account", "region")}
        except FileNotFoundError:
            return
        except Exception as error:  # whatever a damaged pickle makes of itself
            raise self._damaged(error) from error
        for option, was in before.items():
            if was != self._about[option]:
                raise self._unusable(
                    f"it was made with --{option} {was}.",
                    f"Start with --{option} {was}, or name another folder.",
                )

    def restore(self, books: Books, records: Records) -> None:
        """Put into both what load() has read."""
        if not self._kept:
            return
        try:
            pickled.load(self._kept["books"])
            records.restore(self._kept["records"])
            books.shelf.match_to_restored()
            drop_objects_without_content()
        except Exception as error:  # whatever a damaged pickle makes of itself
            raise self._damaged(error) from error
        self._kept = {}

    def changed(self) -> None:
        """Something is to be written soon."""
        self._dirty.set()

    def keep(self, books: Books, records: Records) -> None:
        """Write, from now on, whatever has changed, until close()."""
        records.changed = self.changed
        books.changed = self.changed
        self._thread = threading.Thread(target=self._run, args=(books, records), name="state", daemon=True)
        self._thread.start()

    def save(self, books: Books, records: Records) -> str | None:
        """Write the state now. A failure is logged, and the write is retried.

        Returns:
            Why it could not be written; None if it was.
        """
        with self._saving:
            garbage = books.shelf.garbage()
            taken, left_out = pickled.dump()
            whole = {"about": self._about, "records": records.dump(), "books": taken}
            fresh = self._file.with_suffix(".new")
            try:
                fresh.touch(mode=0o600)
                with fresh.open("wb") as file:
                    pickle.dump(whole, file, pickle.HIGHEST_PROTOCOL)
                    file.flush()
                    os.fsync(file.fileno())
                fresh.replace(self._file)
            except OSError as error:
                self._dirty.set()
                self._tell(f"The state cannot be written to {self.folder}: {error.strerror}.")
                return error.strerror or str(error)
            books.shelf.collect(garbage)
        for service in left_out:
            self._tell(f"What moto holds of {service} is not kept in {self.folder}.")
        return None

    def close(self, books: Books, records: Records) -> None:
        """Write for the last time. UserError if that fails."""
        self._closed.set()
        self._dirty.set()
        self._thread.join()
        failure = self.save(books, records)
        self._lock.close()
        if failure is not None:
            raise UserError(
                f"--state {self.folder}",
                f"the state could not be written at the end: {failure}.",
                "What changed since it was last written is lost. Make room before the next start.",
                exit_code=1,
            )

    def _run(self, books: Books, records: Records) -> None:
        while True:
            self._dirty.wait()
            self._dirty.clear()  # before the look, because close() sets both
            if self._closed.is_set():
                return
            self.save(books, records)
            self._closed.wait(_PAUSE_SECONDS)

    def _tell(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            _log.warning("%s", sentence)

    def _unusable(self, what: str, remedy: str) -> UserError:
        return UserError(f"--state {self.folder}", what, remedy)

    def _damaged(self, error: Exception) -> UserError:
        about = self._kept.get("about") if isinstance(self._kept, dict) else None
        was, now = about.get("moto") if isinstance(about, dict) else None, self._about["moto"]
        moto = f" It was written with moto {was}, and this is {now}." if was not in (None, now) else ""
        return self._unusable(
            f"the file `state` in it is damaged ({type(error).__name__}: {error}).{moto}",
            "Put a copy of the folder in its place, or move it away to begin afresh.",
        )
