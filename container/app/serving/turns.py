"""Which of a worker's threads waits for requests: one at a time, and the same one for as long as it can.

Threads that take part in every request take each other's interpreter lock at every read and write:
gunicorn's own answer a fifth to a third fewer requests. So the thread that has the turn answers request
after request, and hands the turn on only before something that takes long: a call of the model, or
waiting for one. bench/results.md has the figures.
"""

from __future__ import annotations

import threading

_free = threading.Lock()
_mine = threading.local()


def take() -> None:
    """Wait for the turn."""
    _free.acquire()
    _mine.turn = True


def has() -> bool:
    """Whether the calling thread has the turn."""
    return getattr(_mine, "turn", False)


def hand_over() -> None:
    """Let another thread have the turn; nothing where the calling thread does not have it."""
    if has():
        _mine.turn = False
        _free.release()
