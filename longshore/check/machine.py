"""Whether this machine is too busy for the limits of time that the rules have."""

from __future__ import annotations

import os

_LOAD_PER_PROCESSOR = 4.0  # from there on a process that has work waits for a processor most of the time


def overload() -> str:
    """Return that this machine is overloaded, with figures; an empty text if it is not."""
    return described(os.getloadavg()[0], os.cpu_count() or 1)


def described(load: float, processors: int) -> str:
    """Return what this load on so many processors is called: an empty text if it is none too much."""
    if load <= _LOAD_PER_PROCESSOR * processors:
        return ""
    return f"this machine is overloaded (load {load:.0f} on {processors} processors)"
