"""Keeps what is in this process, credentials in its environment for one, from other processes of its user."""

from __future__ import annotations

import ctypes

_PR_SET_DUMPABLE = 4


def hide() -> None:
    """Close /proc/PID/environ and mem to all but root, and refuse to be traced.

    A fork keeps that, an exec ends it.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
