"""What a program writes to stdout and stderr: JSON log lines of ours, and the last of stderr for the result.

The pipes are read all the time, by one thread a program, so a program never waits for long on a full one,
and never more than a piece of a line is held, so no amount of output fills the memory.

A line ends at \\n. A progress bar draws over its line with \\r: what would be seen of it at the end is what
is logged. Bytes that are not UTF-8 are shown as \\xNN.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

from longshore_runtime import logs

log = logs.get("program")

# A longer line is logged in pieces of this many bytes, all but the last with "continued": true. Escaped as
# JSON a piece may be six times as long, which is still below what CloudWatch Logs takes as one event.
_PIECE = 32 * 1024
_READ = 64 * 1024
_LINES_KEPT = 100
_CHARACTERS_KEPT = 1000


class Lines:
    """Reads the pipes of one program at a time and logs its lines, with the task they belong to.

    Thread-safe. For each program: read(), then finish() once nothing is left that could write.
    """

    def __init__(self, task: str | None) -> None:
        self._task = task
        self._last_stderr: deque[str] = deque(maxlen=_LINES_KEPT)
        self._lock = threading.Lock()  # held while a pipe is read, or what was read is used
        self._pipes: list[_Pipe] = []
        self._thread: threading.Thread | None = None
        self._wake = -1

    @property
    def last_stderr(self) -> list[str]:
        """The last 100 lines of stderr, 1,000 characters of each at most."""
        with self._lock:
            return list(self._last_stderr)

    def begin(self, task: str | None) -> list[str]:
        """From here on, all belongs to this task; what has been written so far, to the one before.

        Returns the last of stderr of that one.
        """
        with self._lock:
            for pipe in self._pipes:
                pipe.read_what_is_there()
                pipe.end_line()
            before = list(self._last_stderr)
            self._last_stderr.clear()
            self._task = task
        return before

    def read(self, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        """Read these pipes from now on, and own them."""
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        with self._lock:
            self._pipes = [_Pipe(stdout, "stdout", self._log), _Pipe(stderr, "stderr", self._log)]
        self._thread = threading.Thread(target=self._read, args=(self._pipes,), name="output", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Take what is in the pipes and close them, whoever else may still hold their other ends."""
        if self._thread is None:
            return
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        self._thread = None
        os.close(self._wake)
        with self._lock:
            for pipe in self._pipes:
                pipe.read_what_is_there()
                pipe.end_line()
                pipe.file.close()
            self._pipes = []

    def _read(self, pipes: list[_Pipe]) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        open_ones = {pipe.file.fileno(): pipe for pipe in pipes}
        for descriptor in open_ones:
            poll.register(descriptor, select.POLLIN)
        while open_ones:
            for descriptor, _ in poll.poll():
                if descriptor == self._wake:
                    return
                with self._lock:
                    open_still = open_ones[descriptor].read_some() is not None
                if not open_still:
                    poll.unregister(descriptor)
                    del open_ones[descriptor]

    def _log(self, source: str, line: bytes, begins: bool, continued: bool) -> None:
        text = line.decode("utf-8", "backslashreplace")
        if source == "stderr" and begins:
            self._last_stderr.append(text[:_CHARACTERS_KEPT])
        fields: dict[str, object] = {"source": source}
        if self._task is not None:
            fields["task"] = self._task
        if continued:
            fields["continued"] = True
        level = logging.INFO if source == "stdout" else logging.WARNING
        log.log(level, "%s", text, extra={"fields": fields})


class _Pipe:
    """The reading end of one pipe, and the line that has not ended yet.

    log(source, line, begins, continued): begins and continued tell a piece's place in a long line.
    """

    def __init__(self, file: IO[bytes], source: str, log: Callable[[str, bytes, bool, bool], None]) -> None:
        self.file = file
        self._source = source
        self._log = log
        self._line = b""
        self._begins = True
        os.set_blocking(file.fileno(), False)

    def read_some(self) -> int | None:
        """Read once; returns how much that was, 0 where nothing is there, None at the pipe's end."""
        try:
            data = os.read(self.file.fileno(), _READ)
        except BlockingIOError:
            return 0
        self._add(data)
        return len(data) or None

    def read_what_is_there(self) -> None:
        """No more than the pipe can hold at once: a program that writes on and on does not hold us up."""
        left = fcntl.fcntl(self.file.fileno(), fcntl.F_GETPIPE_SZ)
        while left > 0 and (size := self.read_some()):
            left -= size

    def end_line(self) -> None:
        """The rest without a newline is a line, too."""
        if self._line:
            self._end_line(self._line)
            self._line = b""

    def _add(self, data: bytes) -> None:
        first, *more = data.split(b"\n")
        self._line += first
        for line in more:
            self._end_line(self._line)
            self._line = line
        self._line = self._cut(_visible(self._line))

    def _end_line(self, line: bytes) -> None:
        self._log(self._source, self._cut(_visible(line).rstrip(b"\r")), self._begins, False)
        self._begins = True

    def _cut(self, line: bytes) -> bytes:
        """Log all but the last piece of it, and return that."""
        while len(line) > _PIECE:
            end = _PIECE
            while end > _PIECE - 4 and line[end] & 0xC0 == 0x80:  # not amid a character
                end -= 1
            self._log(self._source, line[:end], self._begins, True)
            self._begins = False
            line = line[end:]
        return line


def _visible(line: bytes) -> bytes:
    """What a terminal would show of a line drawn over and over; a \\r at its end may be half of a \\r\\n."""
    shown = line.rstrip(b"\r")
    return shown[shown.rfind(b"\r") + 1 :] + line[len(shown) :][:1]
