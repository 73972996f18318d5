"""The output folder to S3: all its files at once on a few connections, in constant memory.

What is not a regular file is left out, with a warning: links above all, for what they point to may be
outside the folder. output_folder.py finds and opens the files, upload.py brings one of them up, crew.py
has the threads; here are the names.
"""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.s3.client import S3
from longshore_runtime.runners.algorithm.s3.crew import MB, Crew
from longshore_runtime.runners.algorithm.s3.object import Object
from longshore_runtime.runners.algorithm.s3.output_folder import Found, OutputFolder
from longshore_runtime.runners.algorithm.s3.upload import PART, Upload

_LONGEST_KEY = 1024  # bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that is there, whole and checked. size: in bytes; sha256: in hexadecimal."""

    relative_path: str
    bucket_key: str
    size: int
    sha256: str


def store(
    s3: S3,
    folder: Path,
    bucket: str,
    prefix: str,
    connections: int,
    stop: threading.Event,
    *,
    most_files: int | None = None,
    seconds: float | None = None,
) -> list[Stored]:
    """Store every regular file below folder at prefix + its path, on at most so many connections.

    Returns what was stored, sorted by path. Of a file that grows meanwhile, what was there when it was
    opened is stored. Raises TaskError for the first that cannot be stored, OUTPUT, TIMEOUT or STOPPED: what
    is whole by then stays, of what is not nothing does. No name that S3 cannot take is found out only in the
    middle. most_files: how many files, folders and links there may be; seconds: how long all may take.
    """
    with OutputFolder(folder) as output:
        found = output.files(most_files)
        for file in found:
            _check_key(file.path, prefix)
        if not found:
            return []
        crew = Crew(seconds, "The outputs were not stored")
        stored: list[Stored] = []
        size_of_all = sum(file.size for file in found)

        def put(file: Found) -> None:
            with output.open(file.path) as descriptor:
                if descriptor is None:
                    return
                key = f"{prefix}{file.path}"
                target = Object(s3, bucket, key, f"Output {file.path!r}", crew.halt)
                size = os.fstat(descriptor).st_size
                sha256 = Upload(target, descriptor, size, crew).run()
            stored.append(Stored(file.path, key, size, sha256))

        def report(sent: int) -> str:
            return f"Stored {len(stored)} of {len(found)} files, {sent / MB:.1f} of {size_of_all / MB:.1f} MB"

        most_at_once = sum(file.size // PART + 1 for file in found)
        jobs = [functools.partial(put, file) for file in found]
        crew.work(jobs, min(connections, most_at_once), stop, report)
    return sorted(stored, key=lambda each: each.relative_path)


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
