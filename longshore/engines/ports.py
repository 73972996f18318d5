"""Ports of 127.0.0.1 for programs that take the number, not the socket: kept free until they listen.

Asking the system for a free port and giving it back is a race: the next connection of anyone may get that
very number. So these lie where the system takes none by itself; and among processes of this package a name
in the abstract namespace of unix sockets holds each, which goes with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
from collections.abc import Iterable
from pathlib import Path

from longshore.errors import UserError

_FIRST = 10240  # below it lie the ports that servers are known by
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class Port:
    """A port that is ours until close()."""

    def __init__(self) -> None:
        """Raises UserError where none is free."""
        for number in _candidates():
            holder = _hold(number)
            if holder is not None:
                self.number, self._holder = number, holder
                return
        raise UserError("127.0.0.1", "no port is free.", "End what listens on so many.")

    def close(self) -> None:
        self._holder.close()


def _candidates() -> Iterable[int]:
    """Ports that the system gives nobody unasked, in any order; where it gives all of them, all."""
    low, high = 32768, 60999
    with contextlib.suppress(OSError, ValueError):
        low, high = map(int, _RANGE.read_text().split())
    kept = [port for port in range(_FIRST, 2**16) if not low <= port <= high]
    ports = kept if len(kept) >= 100 else list(range(_FIRST, 2**16))
    random.shuffle(ports)
    return ports


def _hold(number: int) -> socket.socket | None:
    """What holds this port against others of this package; None where another has it."""
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.bind(f"\0longshore-port-{number}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", number))  # as a program does that cannot take one just closed
    except OSError as error:
        holder.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return None
    return holder
