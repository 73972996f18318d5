"""What ends a job before its containers end by themselves."""

from __future__ import annotations

import queue
import threading
from typing import Literal

from longshore.emulator.records import KindName

Told = Literal["stop", "interrupt", "exited", "broken"]


class Stopped(Exception):
    """The job was asked to stop before it had anything to save."""


class Control:
    """One running job's: who asks it to stop tells it here, and its own thread waits here."""

    def __init__(self, closing: threading.Event) -> None:
        """closing: set when the emulator ends, and with it all jobs."""
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._stop = threading.Event()
        self.closing = closing
        self.broken: str | None = None

    @property
    def stop_asked(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask it to stop."""
        self._stop.set()
        self._told.put("stop")

    def break_off(self, reason: str) -> None:
        """Fail it, because what it works on is not as it must be; the first reason stays."""
        self.broken = self.broken or reason
        self._told.put("broken")

    def tell(self, what: Told) -> None:
        """Wake whoever waits."""
        self._told.put(what)

    def wait(self, seconds: float | None) -> Told | None:
        """The next thing told; None after so many seconds without."""
        try:
            return self._told.get(timeout=None if seconds is None else max(0.0, seconds))
        except queue.Empty:
            return None

    def check_closing(self) -> None:
        """Stopped where the emulator ends. To be called while what there is gets saved."""
        if self.closing.is_set():
            raise Stopped

    def check(self) -> None:
        """Stopped where it was asked to stop, or the emulator ends. To be called between slow steps."""
        if self._stop.is_set() or self.closing.is_set():
            raise Stopped


class RunningJobs:
    """The controls of all jobs that run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._controls: dict[tuple[KindName, str], Control] = {}

    def add(self, kind: KindName, name: str, control: Control) -> None:
        with self._lock:
            self._controls[kind, name] = control

    def find(self, kind: KindName, name: str) -> Control | None:
        """None where no such job runs."""
        with self._lock:
            return self._controls.get((kind, name))

    def remove(self, kind: KindName, name: str) -> None:
        with self._lock:
            self._controls.pop((kind, name), None)
