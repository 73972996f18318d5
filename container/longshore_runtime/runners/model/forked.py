"""Ends a process that the user's code has forked and that comes back to the server's code.

It would answer the request a second time, and take events from the worker's epoll.
"""

from __future__ import annotations

import os

from longshore_runtime import logs

log = logs.get("model")

is_child = False  # set in each child of a worker (serving/child_processes.py)


def end() -> None:
    """End this process, which is such a child. Its parent answers."""
    log.error("a process forked by the model's code has returned from there: it ends, its parent answers")
    os._exit(1)
