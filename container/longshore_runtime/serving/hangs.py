"""What gunicorn's master sees of workers that do not come back from a call, with the interpreter or without.

A worker that holds it cannot tell anyone; what it did last is in its black box. The supervisor is
told of each that is stuck, so that /ping says 503 while all are. The watchdog and gunicorn end them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from longshore_runtime import logs
from longshore_runtime.serving import events

log = logs.get("workers")

# A worker says every second that it lives; one that is late by this has not had the interpreter since.
_LATE_SECONDS = 2.0


class Hangs:
    """look() every second or so. kill: sends a worker (its pid) a signal."""

    def __init__(self, run_dir: Path, timeout: int, kill: Callable[[int, int], None]) -> None:
        self._run_dir = run_dir
        self._timeout = timeout
        self._kill = kill
        self._why = f"Every worker has been in one decode, predict or encode for over {timeout} s."
        self._stuck: set[int] = set()
        self._told = False

    def look(self, workers: Mapping[int, Any]) -> None:
        """workers: gunicorn's, by pid."""
        stuck: set[int] = set()
        well: set[int] = set()
        for pid, worker in list(workers.items()):
            if worker.box.ready_at is not None:
                (stuck if self._is_stuck(worker) else well).add(pid)
            elif self._is_over(worker.box.trying_since):
                self._end(worker)
        for pid in stuck - self._stuck:
            events.send(self._run_dir, events.WorkerHealth(pid, self._why))
        for pid in well & self._stuck:
            events.send(self._run_dir, events.WorkerHealth(pid, None))
        self._stuck = stuck
        if stuck and not well and not self._told:
            self._told = True
            log.error("/ping says 503: %s", self._why)
        elif well and self._told:
            self._told = False
            log.info("/ping says 200 again: a worker is free")

    def _is_stuck(self, worker: Any) -> bool:
        calls = worker.box.calls()
        return (bool(calls) and self._is_over(calls[0].began)) or self._is_over(
            worker.tmp.last_update() + _LATE_SECONDS
        )

    def _is_over(self, began: float | None) -> bool:
        return began is not None and time.monotonic() - began > self._timeout

    def _end(self, worker: Any) -> None:
        """As gunicorn does: SIGABRT has the stacks shown, SIGKILL is for one that goes on."""
        self._kill(worker.pid, signal.SIGKILL if worker.aborted else signal.SIGABRT)
        worker.aborted = True
