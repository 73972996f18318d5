"""Whether the disk and the memory have room for requests: /ping says 503 before one of them is used up.

Looked at because somebody asks /ping, and not more than once a second.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from longshore_runtime import logs, machine

log = logs.get("serve")

_LOOK_SECONDS = 1.0
_MB = 2**20  # as nginx counts
_INODES = 16  # a large body is a file of nginx's; gunicorn makes one for each worker
# What has to be left of the memory limit: this share of it, and of a large one no more than so many bytes. A
# model may fill its container nearly to the brim, but a new worker, or a request of some size, takes this.
_SHARE, _MOST_BYTES = 0.05, 128 * _MB


class Resources:
    """The disk that `folder` is on, and this container's memory. body_mb: the largest body taken.

    folder: the run's own, in the one that TMPDIR names.
    """

    def __init__(self, folder: Path, body_mb: int, roots: machine.Roots | None = None) -> None:
        self._folder = folder
        self._body_mb = body_mb
        self._roots = roots or machine.Roots()
        self._guard = threading.Lock()
        self._looked = -_LOOK_SECONDS
        self._why_not: str | None = None

    def why_not(self) -> str | None:
        """What is nearly used up, in a sentence; None where there is room. Any thread may ask."""
        with self._guard:
            if time.monotonic() - self._looked >= _LOOK_SECONDS:
                self._look()
                self._looked = time.monotonic()
            return self._why_not

    def _look(self) -> None:
        before, self._why_not = self._why_not, self._disk() or self._memory()
        if self._why_not is not None and before is None:
            log.error("/ping says 503: %s", self._why_not)
        elif self._why_not is None and before is not None:
            log.info("/ping says 200 again: there is room on the disk and in memory")

    def _disk(self) -> str | None:
        disk = os.statvfs(self._folder)
        left = disk.f_bavail * disk.f_frsize
        words = f"The disk is nearly full: {self._folder.parent} has"
        if left < self._body_mb * _MB:
            limit = f"one body may have {self._body_mb} MB (MODEL_SERVER_MAX_PAYLOAD_MB)"
            return f"{words} {left // _MB} MB left, and {limit}."
        if disk.f_files and disk.f_favail < _INODES:
            return f"{words} room for {disk.f_favail} more files."
        return None

    def _memory(self) -> str | None:
        memory = machine.memory(self._roots)
        if memory is None or memory.left >= min(_SHARE * memory.limit, _MOST_BYTES):
            return None
        return (
            f"The memory is nearly used up: {memory.used // _MB} of the {memory.limit // _MB} MB that the"
            " limit of this container allows, cached files not counted."
        )
