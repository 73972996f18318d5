"""What a program writes, kept in files as it comes, so that any number of readers can follow from its start.

A program is never held up by a reader that is slow or that never comes; so what is kept has a bound: of two
segments the older goes when the newer is full, and a reader that has come no further misses it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from longshore.engines.base import Line

SEGMENT_BYTES = 32 * 2**20  # between this and twice as much is kept
LINE_BYTES = 256 * 1024  # a longer line is cut in pieces: CloudWatch's largest event
_READ_BYTES = 64 * 1024
_LAST_READS = 64  # after the end: more than a pipe holds, should somebody write on without end

Stream = Literal["stdout", "stderr"]


def _private(path: Path) -> IO[bytes]:
    """Open a file for writing that no other user may read: what programs write may be anything."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


class Spool:
    """Reads two pipes in a thread until both are at their end, or close() says that all who wrote ended."""

    def __init__(
        self, folder: Path, stdout: IO[bytes], stderr: IO[bytes], segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self._segment_bytes = segment_bytes
        self._folder = folder
        self._changed = threading.Condition()
        self._segments = {0: 0}  # number -> bytes that are written and can be read
        self._ended = False
        self._file = _private(self._path(0))
        self._pipes: dict[Stream, IO[bytes]] = {"stdout": stdout, "stderr": stderr}
        self._finish = threading.Event()
        self._wake_reader, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._read, name="spool", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Once: all who wrote have ended. Takes what is still in the pipes, and no more."""
        self._finish.set()
        os.write(self._wake, b"x")
        self._thread.join()
        os.close(self._wake_reader)
        os.close(self._wake)

    def lines(self) -> Iterator[Line]:
        """From the oldest that is kept; waits for more until close(), or until the folder is removed."""
        segment, offset = 0, 0
        while True:
            with self._changed:
                while not (self._ended or self._more(segment, offset)):
                    self._changed.wait()
                if segment not in self._segments:
                    segment, offset = min(self._segments), 0
                size = self._segments[segment]
                newer = segment + 1 in self._segments
                if offset == size and not newer:
                    if self._ended:
                        return
                    continue
                # Opened while no other segment takes its place; what is open can be read to its end.
                try:
                    file = self._path(segment).open("rb")
                except FileNotFoundError:
                    return
            with file:
                file.seek(offset)
                while offset < size:
                    written = file.readline()
                    offset += len(written)
                    yield _line(written)
            if newer:
                segment, offset = segment + 1, 0

    def _more(self, segment: int, offset: int) -> bool:
        return (
            segment not in self._segments or offset < self._segments[segment] or segment + 1 in self._segments
        )

    def _path(self, segment: int) -> Path:
        return self._folder / f"output.{segment}"

    def _read(self) -> None:
        rest: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        with selectors.DefaultSelector() as selector:
            for stream, pipe in self._pipes.items():
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, stream)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            left = _LAST_READS
            while len(selector.get_map()) > 1:
                ready: list[Stream] = [key.data for key, _ in selector.select() if key.data]
                for stream in ready:
                    pipe = self._pipes[stream]
                    data = self._take(pipe)
                    if data == b"":
                        selector.unregister(pipe)
                    self._write(rest, stream, data or b"")
                if self._finish.is_set():
                    left -= 1
                    if not ready or left == 0:
                        break
        for stream, pipe in self._pipes.items():
            self._write({stream: b""}, stream, rest[stream] + b"\n" if rest[stream] else b"")
            pipe.close()
        with self._changed:
            self._file.close()
            self._ended = True
            self._changed.notify_all()

    @staticmethod
    def _take(pipe: IO[bytes]) -> bytes | None:
        with contextlib.suppress(BlockingIOError):
            return os.read(pipe.fileno(), _READ_BYTES)
        return None

    def _write(self, rest: dict[Stream, bytes], stream: Stream, data: bytes) -> None:
        """Write the lines that are complete; the beginning of the next one is left in rest."""
        *complete, last = (rest[stream] + data).split(b"\n")
        while len(last) > LINE_BYTES:
            complete.append(last[:LINE_BYTES])
            last = last[LINE_BYTES:]
        rest[stream] = last
        if not complete:
            return
        start = b"%.6f %s " % (time.time(), stream.encode())
        self._file.write(b"".join(start + line + b"\n" for line in complete))
        self._file.flush()
        with self._changed:
            newest = max(self._segments)
            self._segments[newest] = self._file.tell()
            if self._file.tell() >= self._segment_bytes:
                self._next_segment(newest + 1)
            self._changed.notify_all()

    def _next_segment(self, number: int) -> None:
        self._file.close()
        self._file = _private(self._path(number))
        self._segments[number] = 0
        for old in [segment for segment in self._segments if segment < number - 1]:
            del self._segments[old]
            self._path(old).unlink()


def _line(written: bytes) -> Line:
    when, stream, text = written.rstrip(b"\n").split(b" ", 2)
    return Line(float(when), "stdout" if stream == b"stdout" else "stderr", text.decode(errors="replace"))
