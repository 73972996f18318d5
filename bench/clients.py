"""The priority of those that ask a server, so that what they measure is its time and not their own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache

_REAL_TIME = ("chrt", "--rr", "1")


def as_client(command: Sequence[str]) -> list[str]:
    """The command of a client, run so that it never waits for a processor, where this user may do that.

    Callers elsewhere do not wait for the server's cores. A client that does, by up to 0.4 s where the server
    keeps all of them busy, counts that as the server's latency.
    """
    return [*_REAL_TIME, *command] if clients_go_first() else [*command]


@cache
def clients_go_first() -> bool:
    """Whether this user may have real-time priority."""
    try:
        return subprocess.run([*_REAL_TIME, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
