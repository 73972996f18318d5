"""The objects of one instance: split, sent as many at a time as the container takes, assembled in order (C5).

Requests of several objects are in flight together, so that a thousand small ones keep the container as busy
as one large one. What is in memory are the bodies and answers of the sending plan's window, whatever the
objects' sizes.
"""

from __future__ import annotations

import collections
import contextlib
import gzip
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from longshore.emulator.books import Books
from longshore.emulator.faults import AwsError, Failure
from longshore.emulator.jobs.control import Control
from longshore.emulator.jobs.inputs import Source
from longshore.emulator.jobs.transform import assemble, split
from longshore.emulator.jobs.transform.data_processing import Processing
from longshore.emulator.jobs.transform.plan import SendingPlan
from longshore.emulator.jobs.transform.send import Sender
from longshore.emulator.s3_uri import S3Uri, parse_s3_uri

_LOOK_SECONDS = 0.2  # how often a job that waits for an answer looks whether it is to stop


@dataclass(frozen=True)
class Settings:
    """What a job says about its objects. lines: AssembleWith Line."""

    split: str
    gzip: bool
    lines: bool
    output: S3Uri
    processing: Processing
    how: SendingPlan

    @classmethod
    def of(cls, job: Mapping[str, Any], how: SendingPlan) -> Settings:
        """Of a CreateTransformJob; ValueError, with a sentence, for a DataProcessing that cannot be."""
        given = job["TransformInput"]
        kind = given.get("SplitType", "None")
        return cls(
            split=kind,
            gzip=given.get("CompressionType") == "Gzip",
            lines=job["TransformOutput"].get("AssembleWith") == "Line",
            output=parse_s3_uri(job["TransformOutput"]["S3OutputPath"]),
            processing=Processing(
                job.get("DataProcessing", {}), content_type=given.get("ContentType"), split=kind
            ),
            how=how,
        )

    @property
    def streams(self) -> bool:
        """Whether an object goes out whole, as it is read: nothing cuts it, nothing looks into it (C3)."""
        whole = self.split == "None" or not self.how.single
        return self.how.payload is None and whole and not self.processing.changes


class _Sent(NamedTuple):
    """A request of an object; batch and future are None for its end."""

    target: _Target
    batch: split.Batch | None
    future: Future[bytes] | None


class _Target:
    """One object's output, in a file until it is whole."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self.spool: IO[bytes] = tempfile.NamedTemporaryFile(dir=folder, delete=False)  # noqa: SIM115
        self.reason: str | None = None

    @property
    def path(self) -> Path:
        return Path(self.spool.name)

    def discard(self) -> None:
        self.spool.close()
        self.path.unlink(missing_ok=True)


class ObjectWork:
    """Sends one instance's objects, one behind the other."""

    def __init__(
        self, books: Books, settings: Settings, sender: Sender, folder: Path, control: Control
    ) -> None:
        self._books = books
        self._settings = settings
        self._sender = sender
        self._folder = folder
        self._control = control

    def run(self, sources: list[Source]) -> Iterator[tuple[Source, str]]:
        """Send all of them and store what comes back; the objects that failed, and why. Raises Stopped."""
        waiting: collections.deque[_Sent] = collections.deque()
        pool = ThreadPoolExecutor(self._settings.how.concurrency)
        try:
            for source in sources:
                target = _Target(source, self._folder)
                for sent in self._submit(target, pool):
                    waiting.append(sent)
                    while len(waiting) > self._settings.how.window:
                        yield from self._take(waiting.popleft())
            while waiting:
                yield from self._take(waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, target: _Target, pool: ThreadPoolExecutor) -> Iterator[_Sent]:
        name = str(target.source.uri)
        try:
            if self._settings.streams and self._sender.can_stream:
                yield _Sent(target, None, pool.submit(self._stream, target))
            else:
                with self._open(target.source) as stream:
                    for number, batch in enumerate(self._batches(stream, name), 1):
                        if target.reason is not None:
                            break
                        where = name if self._settings.split == "None" else f"{name}, request {number}"
                        yield _Sent(target, batch, pool.submit(self._sender.send, batch.body, where))
        except Failure as failure:
            target.reason = target.reason or str(failure)
        except AwsError as error:
            target.reason = target.reason or f"ClientError: {error.message}"
        yield _Sent(target, None, None)

    def _batches(self, stream: IO[bytes], name: str) -> Iterator[split.Batch]:
        settings, single = self._settings, self._settings.how.single
        limit = settings.how.payload
        if settings.split == "Line" and not (single or limit is None or settings.processing.changes):
            return split.line_batches(cast("Any", stream), limit=limit, name=name)
        found = split.records(cast("Any", stream), settings.split, name=name, limit=limit)
        return split.batches(
            found,
            single=single,
            limit=limit,
            name=name,
            keep=settings.processing.needs_records,
            payload=lambda record: settings.processing.payload(record, single=single, name=name),
        )

    def _take(self, sent: _Sent) -> Iterator[tuple[Source, str]]:
        """Wait for one request's answer, and write it; at an object's end, store the whole."""
        target = sent.target
        if sent.future is None:
            yield from self._finish(target)
            return
        self._control.check()
        while not sent.future.done():
            wait([sent.future], _LOOK_SECONDS)
            self._control.check()
        try:
            answer = sent.future.result()
            if target.reason is None and sent.batch is not None:
                answer = self._settings.processing.answer(sent.batch, answer, str(target.source.uri))
                assemble.add(target.spool, answer, lines=self._settings.lines)
        except Failure as failure:
            target.reason = target.reason or str(failure)

    def _finish(self, target: _Target) -> Iterator[tuple[Source, str]]:
        target.spool.close()
        if target.reason is None:
            try:
                self._books.write(*self._settings.output.below(f"{target.source.name}.out"), target.path)
            except AwsError as error:
                target.reason = f"ClientError: {error.message}"
        target.discard()
        if target.reason is not None:
            yield target.source, target.reason

    def _stream(self, target: _Target) -> bytes:
        self._sender.stream(lambda: self._open(target.source), target.spool, str(target.source.uri))
        return b""

    @contextlib.contextmanager
    def _open(self, source: Source) -> Iterator[IO[bytes]]:
        with self._books.read(*source.uri) as stream:
            if not self._settings.gzip:
                yield stream
                return
            try:
                yield cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
            except (gzip.BadGzipFile, EOFError, zlib.error):
                raise Failure(f"ClientError: {source.uri} is not gzip, as CompressionType says.") from None
