"""What a job's containers wrote, as objects of S3: archives, folders, and folders that are followed."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from longshore.emulator import confined
from longshore.emulator.books import Books
from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.jobs import archives
from longshore.emulator.s3_uri import S3Uri
from longshore.emulator.watched import Check, copy

_log = logging.getLogger("longshore.emulator")

_LOOK_SECONDS = 0.5


class Uploads:
    """Writes objects.

    Args:
        root: the job's folder, which contains all that is uploaded, and files on their way.
        check: called between blocks, and may raise.
    """

    def __init__(self, books: Books, root: Path, check: Check) -> None:
        self._books = books
        self.root = root
        self._check = check

    def archive(self, folders: Sequence[Path], uri: S3Uri) -> None:
        """What is in the folders, as one tar.gz (D6)."""
        with self._file() as path:
            with path.open("wb") as file:
                archives.pack(folders, file, self.root, self._check)
            self._write(path, uri)

    def folder(self, folder: Path, uri: S3Uri) -> None:
        """Each file in the folder, with its path below it as the end of its key."""
        for path in confined.files(folder, self.root):
            self.copy(path, uri.below(str(path.relative_to(folder))))

    def copy(self, path: Path, uri: S3Uri) -> None:
        """A file that stays where it is."""
        with self._file() as copied:
            try:
                with confined.open_file(path, self.root) as source, copied.open("wb") as target:
                    copy(source, target, self._check)
            except OSError as error:
                raise Failure(
                    f"ClientError: Artifact upload failed: {path.name}: {error.strerror}."
                ) from None
            self._write(copied, uri)

    @contextlib.contextmanager
    def _file(self) -> Iterator[Path]:
        with tempfile.NamedTemporaryFile(dir=self.root, delete=False) as file:
            path = Path(file.name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _write(self, path: Path, uri: S3Uri) -> None:
        try:
            self._books.write(*uri, path)
        except AwsError as error:
            raise Failure(f"ClientError: Artifact upload failed: {error.message}") from None


class Follower:
    """Uploads a folder's files as they are written: a file once it has not changed between two looks."""

    def __init__(self, uploads: Uploads, folder: Path, uri: S3Uri) -> None:
        self._uploads = uploads
        self._folder = folder
        self._uri = uri
        self._seen: dict[Path, tuple[int, int]] = {}
        self._uploaded = {path: _stamp(path) for path in self._files()}  # what was restored is there already
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follow {folder.name}", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def halt(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def finish(self) -> None:
        """Look no more, and upload what is not yet there."""
        self.halt()
        self._look(also_fresh=True)

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                self._look(also_fresh=False)
            except (Failure, OSError) as error:  # a file that went just now; finish() will tell what lasts
                _log.debug("%s: %s", self._folder, error)

    def _files(self) -> list[Path]:
        return confined.files(self._folder, self._uploads.root)

    def _look(self, *, also_fresh: bool) -> None:
        for path in self._files():
            stamp = _stamp(path)
            if self._uploaded.get(path) != stamp and (also_fresh or self._seen.get(path) == stamp):
                self._uploads.copy(path, self._uri.below(str(path.relative_to(self._folder))))
                self._uploaded[path] = stamp
            self._seen[path] = stamp


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
