"""A channel in Pipe mode: FIFOs named CHANNEL_EPOCH (D5), each fed once a reader opens it.

The next epoch's FIFO is there before the former one ends, so that a reader finds it at once. A reader that
closes early has ended its epoch.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import shutil
import stat
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from longshore.emulator.books import Books
from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.jobs import inputs
from longshore.emulator.jobs.transform.split import recordio
from longshore.emulator.s3_uri import S3Uri, parse_s3_uri

_BLOCK = 1 << 16  # a FIFO's usual size
_LOOK_SECONDS = 0.02  # how often a FIFO without a reader is tried

Attributes = list[S3Uri | bytes]  # of one line of an augmented manifest: objects, and values as they stand


class Pipe:
    """Feeds one host's FIFOs of one channel from a thread of its own, until close()."""

    def __init__(
        self,
        books: Books,
        path: Path,
        sources: list[inputs.Source],
        compression: str,
        wrapper: str,
        seed: int | None,
        broken: Callable[[str], None],
        augmented: list[Attributes] | None = None,
    ) -> None:
        """path: the FIFOs' without the epoch. broken: told what cannot be sent. augmented: sent instead."""
        self._books = books
        self._name = path.name
        self._sources = sources
        self._gzip = compression == "Gzip"
        self._wraps = wrapper == "RecordIO"
        self._seed = seed
        self._augmented = augmented
        self._closed = threading.Event()
        self._broken = broken
        path.parent.mkdir(parents=True, exist_ok=True)
        # The folder itself, because the container may put a link in its place, or in a FIFO's.
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        weakref.finalize(self, os.close, self._folder)
        self._make(0)
        self._thread = threading.Thread(target=self._run, name=f"pipe {path.name}", daemon=True)

    def start(self) -> None:
        """Wait for readers from now on."""
        self._thread.start()

    def close(self) -> None:
        """End it; its readers are to be gone, because one that has stopped to read would hold it up."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(1)

    def _make(self, epoch: int) -> str:
        name = f"{self._name}_{epoch}"
        os.mkfifo(name, dir_fd=self._folder)
        made = self._open(name, os.O_RDONLY)
        os.fchmod(made, 0o666)
        os.close(made)
        return name

    def _open(self, name: str, how: int) -> int:
        """Without waiting for the other side; OSError where the container has put something else there."""
        descriptor = os.open(name, how | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=self._folder)
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is no FIFO", name)
        return descriptor

    def _run(self) -> None:
        name = f"{self._name}_0"
        epoch = 0
        try:
            while (fifo := self._opened(name)) is not None:
                upcoming = self._make(epoch + 1)
                try:
                    with fifo:
                        self._feed(fifo, epoch)
                except BrokenPipeError:
                    pass
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._folder)
                name, epoch = upcoming, epoch + 1
        except Failure as failure:
            self._broken(str(failure))
        except AwsError as error:
            self._broken(f"ClientError: Data download failed: {error.message}")

    def _opened(self, name: str) -> IO[bytes] | None:
        """The FIFO once it has a reader; None where close() comes first, which open() would not see."""
        while not self._closed.is_set():
            try:
                descriptor = self._open(name, os.O_WRONLY)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no reader
                    return None
                self._closed.wait(_LOOK_SECONDS)
            else:
                os.set_blocking(descriptor, True)
                return os.fdopen(descriptor, "wb", buffering=0)
        return None

    def _feed(self, fifo: IO[bytes], epoch: int) -> None:
        if self._augmented is not None:
            for attributes in inputs.shuffled(self._augmented, self._seed, epoch):
                for attribute in attributes:
                    self._write(fifo, attribute if isinstance(attribute, bytes) else self._whole(attribute))
            return
        for source in inputs.shuffled(self._sources, self._seed, epoch):
            if self._wraps:
                self._write(fifo, self._whole(source.uri))
                continue
            with self._books.read(*source.uri) as stream:
                content: Any = gzip.GzipFile(fileobj=stream) if self._gzip else stream
                try:
                    shutil.copyfileobj(content, fifo, _BLOCK)
                except (gzip.BadGzipFile, EOFError, zlib.error):
                    raise Failure(
                        f"ClientError: {source.uri} is not gzip, as CompressionType says."
                    ) from None

    def _write(self, fifo: IO[bytes], data: bytes) -> None:
        left = memoryview(recordio(data) if self._wraps else data)
        while left:
            left = left[fifo.write(left) :]

    def _whole(self, uri: S3Uri) -> bytes:
        with self._books.read(*uri) as stream:
            data = stream.read()
        return gzip.decompress(data) if self._gzip else data


def augmented_records(books: Books, uri: S3Uri, names: tuple[str, ...]) -> list[Attributes]:
    """What each line of an augmented manifest sends, in the names' order: the object named, or the value."""
    try:
        with books.read(*uri) as stream:
            return list(_lines(stream, uri, names))
    except AwsError as error:
        raise Failure(f"ClientError: Data download failed: {error.message}") from None


def _lines(stream: IO[bytes], uri: S3Uri, names: tuple[str, ...]) -> Iterator[Attributes]:
    for number, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            values = [line[name] for name in names]
        except (ValueError, KeyError, TypeError) as error:
            raise Failure(
                f"ClientError: {uri}, line {number}: no JSON with {', '.join(names)}: {error}."
            ) from None
        yield [_attribute(name, value) for name, value in zip(names, values, strict=True)]


def _attribute(name: str, value: Any) -> S3Uri | bytes:
    if name.endswith("-ref"):
        return parse_s3_uri(str(value))
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
