"""Pass on what the server's processes write to stdout and stderr, without waiting for who reads it.

A log driver that stalls blocks every process that writes to it: nginx in its access log, and with nginx
/ping and all requests. So the processes write into pipes, which one thread always empties (Pump). Each file
that the lines are passed on to has a bounded buffer and a thread (Sink); only that thread waits for the
reader. Lines that find the buffer full are dropped and counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
import time
from collections import deque

from longshore_runtime import logs

log = logs.get("serve")

# While data flows, the pipes are read this often. Reading after every line would add a tenth to the
# processor time of a request. What a pipe holds must suffice for the time between.
_INTERVAL_SECONDS = 0.01
_PIPE_BYTES = 2**20
_READ_BYTES = 2**18
_BUFFER_BYTES = 2**22  # for each sink
_LINE_BYTES = 2**16  # a longer line is passed on in pieces
_PARTIAL_SECONDS = 1.0  # how long the end of a line is waited for


class Sink:
    """A file that lines are passed on to. dropped: how many lines could not be."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._name = name
        self._waiting: deque[bytes] = deque()
        self._bytes = 0  # in self._waiting, and of what is being written
        self._reported = 0
        self._failed = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name=f"{name} writer", daemon=True).start()

    def put(self, lines: bytes) -> None:
        """Have these lines written later; drop them if too much waits already."""
        with self._changed:
            if self._bytes and self._bytes + len(lines) > _BUFFER_BYTES:
                self._drop(lines)
                return
            self._waiting.append(lines)
            self._bytes += len(lines)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written, at most so many seconds; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._bytes, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                lines = b"".join(self._waiting)
                self._waiting.clear()
            written = self._write(lines)
            with self._changed:
                if written < len(lines):
                    self._drop(lines[written:])
                self._bytes -= len(lines)
                self._changed.notify_all()
            if written == len(lines) and self.dropped > self._reported:
                number, self._reported = self.dropped - self._reported, self.dropped
                log.warning(
                    "%s takes lines again: dropped %d lines that it did not take in time", self._name, number
                )

    def _write(self, lines: bytes) -> int:
        """Write as much as possible, waiting for the reader; return the number of bytes written."""
        written, view = 0, memoryview(lines)
        while written < len(lines):
            try:
                written += os.write(self._descriptor, view[written:])
            except BlockingIOError:  # the parent process set O_NONBLOCK, and may rely on it
                select.select([], [self._descriptor], [])
            except OSError as error:  # the reader has gone, the disk is full
                if not self._failed:
                    log.warning("%s takes no lines (%s): dropping them", self._name, error.strerror)
                self._failed = True
                return written
        self._failed = False
        return written

    def _drop(self, lines: bytes) -> None:
        self.dropped += lines.count(b"\n") or 1


class Source:
    """A pipe that processes write to. writing: the end that they get."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        with contextlib.suppress(OSError):  # a user may have so much in pipes and no more
            fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._worth_a_hurry = fcntl.fcntl(self.writing, fcntl.F_GETPIPE_SZ) // 4
        self.partial = b""
        self._partial_since = 0.0

    def read(self) -> bool:
        """Pass on all whole lines that are there; return whether the pipe has been filled fast."""
        total = 0
        while total < _PIPE_BYTES:
            try:
                data = os.read(self.reading, _READ_BYTES)
            except BlockingIOError:
                break
            total += len(data)
            self._take(data)
        return total > self._worth_a_hurry

    def pass_on_partial(self, seconds: float) -> None:
        """Pass on a line without an end that has waited for it for so long."""
        if self.partial and time.monotonic() - self._partial_since >= seconds:
            self.sink.put(self.partial)
            self.partial = b""

    def _take(self, data: bytes) -> None:
        end = data.rfind(b"\n") + 1
        if end:
            self.sink.put(self.partial + data[:end])
            self.partial = b""
        if end < len(data):
            if not self.partial:
                self._partial_since = time.monotonic()
            self.partial += data[end:]
            if len(self.partial) > _LINE_BYTES:
                self.pass_on_partial(0.0)


class Pump:
    """Empties the sources in a thread until end()."""

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources
        self._ending = False
        self._bell = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, name="pump", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many lines have been dropped so far."""
        return sum(source.sink.dropped for source in self._sources)

    def end(self, seconds: float) -> bool:
        """Pass on all that has been written by now, at most so long; return whether that was possible."""
        self._ending = True
        os.eventfd_write(self._bell, 1)
        self._thread.join()
        deadline = time.monotonic() + seconds
        flushed = [one.sink.flush(max(0.0, deadline - time.monotonic())) for one in self._sources]
        return all(flushed)

    def _run(self) -> None:
        ready = select.poll()
        for descriptor in (self._bell, *(source.reading for source in self._sources)):
            ready.register(descriptor, select.POLLIN)
        while not self._ending:
            ready.poll(_PARTIAL_SECONDS * 1000 if any(one.partial for one in self._sources) else None)
            hurry = [source.read() for source in self._sources]
            for source in self._sources:
                source.pass_on_partial(_PARTIAL_SECONDS)
            if not any(hurry) and not self._ending:
                time.sleep(_INTERVAL_SECONDS)
        for source in self._sources:
            source.read()
            source.pass_on_partial(0.0)
