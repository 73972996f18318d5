"""The containers that run for the emulator: started here, followed into CloudWatch Logs, and ended with it.

A container's lines go to its log stream in batches, a few times a second, and the last of them stay at hand
for a FailureReason.
"""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from signal import SIGKILL

from longshore.emulator.books import Books
from longshore.emulator.owners import Owner
from longshore.engines.base import Choose, Container, Engine, Line, Running
from longshore.errors import UserError

_log = logging.getLogger("longshore.emulator")

_FLUSH_SECONDS = 0.2  # a line is in CloudWatch Logs this long after it came, at the latest
_BATCH = 1000  # lines
_TAIL = 20  # lines kept for a FailureReason
_END_SECONDS = 5.0  # from SIGKILL to the end of all of it
_LAST_LINES_SECONDS = 2.0  # from there until all it wrote has come in
_EVENT_CHARACTERS = 262_144 - 26  # CloudWatch Logs' longest event


class Launched:
    """A container that the fleet started; what engines.base.Running offers is its `running`."""

    def __init__(
        self, running: Running, group: str, stream: str, fleet: Fleet, on_line: Callable[[Line], None] | None
    ) -> None:
        self.running = running
        self.log_group = group
        self.log_stream = stream
        self._fleet = fleet
        self._tail: collections.deque[str] = collections.deque(maxlen=_TAIL)
        self._waiting: list[Line] = []
        self._lock = threading.Lock()
        self._on_line = on_line
        self._reader = threading.Thread(target=self._read, name=f"lines of {running.name}", daemon=True)
        self._reader.start()

    def tail(self, lines: int = 5) -> list[str]:
        """The last lines it wrote that are not empty."""
        with self._lock:
            return [text for text in self._tail if text.strip()][-lines:]

    def all_lines_read(self, seconds: float) -> bool:
        """Wait until what an ended container wrote has come in, at most so long."""
        self._reader.join(seconds)
        self._fleet.flush(self)
        return not self._reader.is_alive()

    def stop(self, grace: float, number: int = 15) -> int:
        """Signal, SIGKILL after the grace, take it away; its exit code."""
        code = self.running.stop(grace, number)
        self.remove()
        return code

    def remove(self) -> None:
        """End and take it away; nothing where that has been done. What it wrote goes with it, so that is read
        before."""
        try:
            with suppress(UserError):  # the engine has gone; remove() does then what can be done
                self.running.signal(SIGKILL)
                self.running.wait(_END_SECONDS)
            self.all_lines_read(_LAST_LINES_SECONDS)
        finally:
            self.running.remove()
            self._fleet.forget(self)

    def take_waiting(self) -> list[Line]:
        """The lines that no log has yet."""
        with self._lock:
            lines, self._waiting = self._waiting, []
        return lines

    def _read(self) -> None:
        with suppress(UserError):  # the engine has gone; whoever waits for the container is told
            self._read_lines()

    def _read_lines(self) -> None:
        for line in self.running.lines():
            with self._lock:
                self._waiting.append(line)
                self._tail.append(line.text)
                full = len(self._waiting) >= _BATCH
            if self._on_line is not None:
                self._on_line(line)
            if full:
                self._fleet.flush(self)


class Fleet:
    """Starts containers, and knows all that run; they bear their owner's mark."""

    def __init__(self, choose: Choose, books: Books, owner: Owner) -> None:
        self._choose = choose
        self._books = books
        self._owner = owner
        self._engines: dict[str, Engine] = {}  # those that were asked to make something
        self._lock = threading.Lock()
        self._launched: set[Launched] = set()
        self._closed = threading.Event()
        self._flushing = threading.Lock()
        self._flusher = threading.Thread(target=self._flush_all, name="logs", daemon=True)
        self._flusher.start()

    def start(
        self,
        container: Container,
        log_group: str,
        log_stream: str,
        on_line: Callable[[Line], None] | None = None,
    ) -> Launched:
        """Start a container whose lines go to this log stream, and each to on_line, as it comes.

        UserError where the engine cannot start it. on_line is called in the thread that reads the lines.
        """
        self._books.log(log_group, log_stream, [])
        engine = self._choose(container.image)
        running = engine.start(replace(container, owner=self.mark_for(engine)))
        launched = Launched(running, log_group, log_stream, self, on_line)
        with self._lock:
            self._launched.add(launched)
            late = self._closed.is_set()
        if late:
            launched.remove()
        return launched

    def mark_for(self, engine: Engine) -> str:
        """The owner's mark, for what this engine is going to make; close() removes it."""
        self._owner.uses(engine.name)
        self._engines[engine.name] = engine
        return self._owner.mark

    def running(self) -> list[Launched]:
        """All that were started and not yet removed."""
        with self._lock:
            return list(self._launched)

    def forget(self, launched: Launched) -> None:
        """It has been removed."""
        with self._lock:
            self._launched.discard(launched)

    def flush(self, launched: Launched) -> None:
        """Write what it said into its log stream now."""
        with self._flushing:
            lines = launched.take_waiting()
            if lines:
                self._books.log(launched.log_group, launched.log_stream, _events(lines))

    def close(self) -> None:
        """Remove every container, several at a time; none can be started after. What cannot be removed now is
        left to the next emulator.
        """
        self._closed.set()
        left = self.running()
        if left:
            with ThreadPoolExecutor(min(16, len(left))) as pool:
                list(pool.map(_remove, left))
        for engine in self._engines.values():
            try:
                engine.clean(self._owner.mark)  # what it could not remove before, because it did not answer
            except UserError as error:
                self._owner.leaves_something = True
                _log.warning("What cannot be removed now goes with the next emulator that starts: %s", error)
        self._flusher.join(2 * _FLUSH_SECONDS)

    def _flush_all(self) -> None:
        while not self._closed.wait(_FLUSH_SECONDS):
            for launched in self.running():
                try:
                    self.flush(launched)
                except Exception:  # noqa: BLE001  # told in the log, and all else goes on
                    _log.exception("the lines of %s could not be logged", launched.running.name)


def _remove(launched: Launched) -> None:
    try:
        launched.remove()
    except Exception:  # noqa: BLE001  # told in the log, and all else goes on
        _log.exception("%s could not be removed", launched.running.name)


def _events(lines: Iterable[Line]) -> list[tuple[float, str]]:
    """As CloudWatch Logs takes them: in order of time, none empty, none too long."""
    events = [(line.when, line.text[:_EVENT_CHARACTERS] or " ") for line in lines]
    return sorted(events, key=lambda event: event[0])
