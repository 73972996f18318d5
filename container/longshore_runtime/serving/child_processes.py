"""Child processes that the user's code forks in a worker: multiprocessing, subprocess, os.fork.

A child starts with gunicorn's signal handlers, so that terminate() does not end it, and with the pipe by
which signals wake the worker, so that a signal to the child would stop the worker. It holds the worker's
sockets open, so that nginx goes on connecting to a worker that has died. Here it gets rid of all that.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from longshore_runtime.runners.model import forked
from longshore_runtime.serving import blackbox

# Those that gunicorn's workers handle.
_HANDLED = (
    *(signal.SIGABRT, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH),
)
_before = threading.local()


def prepare(worker: Any) -> None:
    """Register what every child of this process does first. To be called once, in a worker.

    Args:
        worker: gunicorn's. Signal handlers that are methods of it are replaced by the default ones.
    """
    os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=lambda: _begin(worker))


def close(socket: Any) -> None:
    """Close a socket in a child process, and nothing but its descriptor: gevent's are in an event loop."""
    descriptor = getattr(socket, "_sock", socket).detach()
    if descriptor >= 0:
        os.close(descriptor)


def _block() -> None:
    """Have signals wait. One that came before the child is ready would go to our handlers."""
    _before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before.mask)


def _begin(worker: Any) -> None:
    for number in _HANDLED:
        if getattr(signal.getsignal(number), "__self__", None) is worker:
            signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    _unblock()
    forked.is_child = True
    blackbox.mine.adopt(blackbox.BlackBox())
    worker.leave_to_parent()
