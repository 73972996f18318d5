"""The output folder to S3: all its files at once on a few connections, in constant memory.

What is not a regular file is left out, with a warning: links above all, for what they point to may be
outside the folder. output_folder.py finds and opens the files, upload.py brings one of them up, crew.py
has the threads; here are the names, and the progress in the log.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.runners.algorithm.outcome import Reason, TaskError
from app.runners.algorithm.s3.client import S3
from app.runners.algorithm.s3.crew import Crew
from app.runners.algorithm.s3.multipart import Object
from app.runners.algorithm.s3.output_folder import Found, OutputFolder
from app.runners.algorithm.s3.upload import PART, Upload

_log = logging.getLogger("task")

_LONGEST_KEY = 1024  # bytes
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that is there, whole and checked. size: in bytes; sha256: in hexadecimal."""

    relative_path: str
    bucket_key: str
    size: int
    sha256: str


def store(
    s3: S3, folder: Path, bucket: str, prefix: str, connections: int, stop: threading.Event
) -> list[Stored]:
    """Store every regular file below folder at prefix + its path, on at most so many connections.

    Returns what was stored, sorted by path. Of a file that grows meanwhile, what was there when it was
    opened is stored. Raises TaskError for the first that cannot be stored, OUTPUT or STOPPED: what is whole
    by then stays, of what is not nothing does. No name that S3 cannot take is found out only in the middle.
    """
    with OutputFolder(folder) as output:
        found = output.files()
        for file in found:
            _check_key(file.path, prefix)
        if not found:
            return []
        return _Store(s3, output, found, bucket, prefix).run(connections, stop)


def _check_key(path: str, prefix: str) -> None:
    try:
        length = len(f"{prefix}{path}".encode())
    except UnicodeEncodeError:
        message = f"Output {os.fsencode(path)!r} cannot be stored: its name is not valid UTF-8."
        raise TaskError(Reason.OUTPUT, message) from None
    if length > _LONGEST_KEY:
        message = (
            f"Output {path!r} cannot be stored: its key would have {length:,} bytes with the prefix, and "
            f"S3 takes {_LONGEST_KEY:,} at most."
        )
        raise TaskError(Reason.OUTPUT, message)


class _Store:
    def __init__(
        self, s3: S3, output: OutputFolder, found: Sequence[Found], bucket: str, prefix: str
    ) -> None:
        self._s3 = s3
        self._output = output
        self._found = found
        self._bucket = bucket
        self._prefix = prefix
        self._crew = Crew()
        self._lock = threading.Lock()  # over the two below
        self._sent = 0  # bytes, those sent again too
        self._stored: list[Stored] = []

    def run(self, connections: int, stop: threading.Event) -> list[Stored]:
        jobs = [functools.partial(self._store, file) for file in self._found]
        most_at_once = sum(file.size // PART + 1 for file in self._found)
        self._crew.work(jobs, min(connections, most_at_once), stop, self._report)
        return sorted(self._stored, key=lambda stored: stored.relative_path)

    def _store(self, file: Found) -> None:
        with self._output.open(file.path) as descriptor:
            if descriptor is None:
                return
            key = f"{self._prefix}{file.path}"
            target = Object(self._s3, self._bucket, key, file.path, self._crew.halt)
            size = os.fstat(descriptor).st_size
            sha256 = Upload(target, descriptor, size, self._crew, self._count).run()
        with self._lock:
            self._stored.append(Stored(file.path, key, size, sha256))

    def _count(self, sent: int) -> None:
        with self._lock:
            self._sent += sent

    def _report(self, seconds: float) -> None:
        with self._lock:
            done, sent = len(self._stored), self._sent
        _log.info(
            "Stored %d of %d files, %.1f of %.1f MB, %.1f MB/s",
            done,
            len(self._found),
            sent / _MB,
            sum(file.size for file in self._found) / _MB,
            sent / _MB / max(seconds, 1e-3),
        )
