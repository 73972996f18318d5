"""The model that is batched: a call costs 5 ms, and each of its items 0.2 ms. It sums rows.

Imported by all that are compared, each on its own Python, so it needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import math
import os
import time
from collections.abc import Sequence

CALL_SECONDS, ITEM_SECONDS = 0.005, 0.0002

VARIABLE = "BENCH_MODEL_COST"
# What the time goes into. A device: another one computes, a GPU say, and this process waits for it in C,
# without the interpreter's lock. That is no sleep of Python's own, which gevent replaces by one that lets
# other requests in: what waits in C it cannot. The lock: Python computes, and keeps the lock all the while.
DEVICE, LOCK = "device", "lock"

_usleep = ctypes.CDLL(None).usleep  # ctypes lets go of the lock meanwhile


def predict(rows: Sequence[Sequence[float]]) -> list[float]:
    """The sum of each row, after the time that so many cost."""
    seconds = CALL_SECONDS + ITEM_SECONDS * len(rows)
    if os.environ[VARIABLE] == DEVICE:
        _usleep(round(seconds * 1e6))
    else:
        end = time.thread_time() + seconds  # a thread that waits for a core has not computed meanwhile
        while time.thread_time() < end:
            pass
    return [math.fsum(row) for row in rows]
