"""How the supervisor tells nginx and the workers that the server stops, and they that nothing is left to do.

A file goes: nginx then refuses, with 503, what comes (nginx.conf), and closes each connection with that.

nginx waits for every request in flight, but a task of the algorithm runner may go on though nobody waits
for its answer any more: its result file will be asked for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from longshore_runtime.serving import events

# Gone means stopping: a file can be removed when the disk is full, and not always be made.
_NAME = "accepting"
# What its going makes room for there: what is still written while the server stops.
_RESERVE_BYTES = 65_536
_LOOK_SECONDS = 0.1


def prepare(run_dir: Path) -> None:
    (run_dir / _NAME).write_bytes(bytes(_RESERVE_BYTES))


def begin(run_dir: Path) -> None:
    (run_dir / _NAME).unlink(missing_ok=True)


def watch(run_dir: Path, drain: Callable[[], None]) -> None:
    """In a worker: have a thread call drain once the server is stopping, and tell when it has returned."""

    def wait() -> None:
        while (run_dir / _NAME).exists():
            time.sleep(_LOOK_SECONDS)
        try:
            drain()
        finally:
            events.send(run_dir, events.WorkerDrained(os.getpid()))

    threading.Thread(target=wait, name="drain", daemon=True).start()
