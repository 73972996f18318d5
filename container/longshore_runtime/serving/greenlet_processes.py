"""multiprocessing in a gevent worker: a greenlet that waits for a process lets the others run.

gevent leaves os.read and the semaphores of processes as they are, so the greenlet that waits for a Pool's
results would stop all others, and with them the Pool. A child process has no others: there they block.
"""

from __future__ import annotations

import os
from multiprocessing import connection, synchronize
from time import monotonic
from typing import Any

import gevent  # type: ignore[import-untyped]
import gevent.socket  # type: ignore[import-untyped]
from gevent._hub_local import set_hub, set_loop  # type: ignore[import-untyped]

_PIPE_BUF = 4096  # so many bytes go into a pipe or socket that is ready without blocking
_LOOK_AGAIN_SECONDS = 0.002
_left: list[Any] = []


def let_others_run() -> None:
    """Change multiprocessing, in the process that calls this. To be called once, after gevent's changes."""
    here = os.getpid()
    _change_connections(here)
    _change_semaphores(here)


def leave_greenlets() -> None:
    """Leave the other greenlets in a forked process, as fork itself leaves the other threads."""
    hub = gevent.get_hub()
    _left.append(hub)  # whatever is collected would be ended, and could close what its parent uses
    set_hub(None)
    set_loop(None)
    hub.loop.destroy()


def _change_connections(here: int) -> None:
    kind: Any = connection.Connection
    receive, send = kind._recv, kind._send

    def read(descriptor: int, size: int) -> bytes:
        gevent.socket.wait_read(descriptor)
        return os.read(descriptor, size)

    def write(descriptor: int, data: memoryview) -> int:
        gevent.socket.wait_write(descriptor)
        return os.write(descriptor, data[:_PIPE_BUF])

    def receive_beside_others(self: Any, size: int) -> Any:
        return receive(self, size, read) if os.getpid() == here else receive(self, size)

    def send_beside_others(self: Any, data: bytes) -> None:
        if os.getpid() == here:
            send(self, memoryview(data), write)
        else:
            send(self, data)

    kind._recv, kind._send = receive_beside_others, send_beside_others


def _change_semaphores(here: int) -> None:
    kind: Any = synchronize.SemLock
    make_methods = kind._make_methods

    def make_methods_beside_others(self: Any) -> None:
        make_methods(self)
        acquire = self.acquire

        def acquire_beside_others(block: bool = True, timeout: float | None = None) -> bool:
            if not block or os.getpid() != here:
                return bool(acquire(block, timeout))
            until = None if timeout is None else monotonic() + timeout
            while not acquire(False):
                if until is not None and monotonic() >= until:
                    return False
                gevent.sleep(_LOOK_AGAIN_SECONDS)
            return True

        self.acquire = acquire_beside_others

    kind._make_methods = make_methods_beside_others
    kind.__enter__ = lambda self: self.acquire()
