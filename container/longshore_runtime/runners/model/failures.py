"""Exceptions of the user's code that are no `Exception`: they fail their request, and nothing else.

asyncio.CancelledError, the panics of libraries in Rust, GeneratorExit, sys.exit() and kin pass every
`except Exception`. Left alone they would end the thread that computes for everyone.
"""

from __future__ import annotations

import sys


class ModelFailedError(RuntimeError):
    """The user's code raised a BaseException. It is the cause of this one."""


def of(error: BaseException) -> Exception:
    """Return what fails a request in the place of an exception of the user's code.

    Args:
        error: what the user's code raised, or returned as a prediction.

    Raises:
        BaseException: `error` itself, if gevent is ending this greenlet with it.
    """
    if isinstance(error, Exception):
        return error
    if ends_this_greenlet(error):
        raise error
    failure = ModelFailedError(f"the model raised {type(error).__name__}")
    failure.__cause__ = error
    return failure


def ends_this_greenlet(error: BaseException) -> bool:
    """Return whether gevent is ending the greenlet that runs, with this exception."""
    gevent = sys.modules.get("gevent")
    return gevent is not None and isinstance(error, gevent.GreenletExit)


def misuses_threads(error: ValueError) -> bool:
    """Return whether Python raised this because the calling thread is not the main one.

    signal.signal and signal.set_wakeup_fd say so by a ValueError: nothing is wrong with the request.
    """
    return "only works in main thread" in str(error)
