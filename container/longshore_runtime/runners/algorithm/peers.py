"""Who sends a request: programs may not, for the server has rights that they have not.

A program could have the server fetch and overwrite whatever the container's role may. Its connection comes
from an address of this machine. So a request from there is taken only if the kernel's table of connections
has the sender's end, held by a process right now, with a user that is no program's. A sender that hangs up at
once has no such row, and is refused as well.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from longshore_runtime.errors import RequestError

HEADER = "X-Longshore-Peer"  # address:port, from nginx, which replaces a client's own
_LOOKS = 3  # a row can be missed while the table changes
_TABLES = ("tcp", "tcp6")
_MAPPED = bytes(10) + b"\xff\xff"  # how an IPv6 socket writes an IPv4 address


def refuse_programs(peer: str | None, is_programs: Callable[[int], bool]) -> None:
    """Raises RequestError (403) if the request with this HEADER may be a program's.

    is_programs(uid): whether a program may have this user.
    """
    address, _, port = (peer or "").rpartition(":")
    try:
        packed, number = socket.inet_aton(address), int(port)
    except (OSError, ValueError):
        raise _refusal() from None
    if not _is_ours(address):
        return
    for _ in range(_LOOKS):
        for uid, inode in _owners(packed, number):
            if inode:  # else nobody holds it any more, and the kernel says user 0
                if is_programs(uid):
                    raise _refusal()
                return
    raise _refusal()


def _refusal() -> RequestError:
    return RequestError(
        403,
        "A program may not send requests to the server that runs it. A request from this machine must come"
        " from another user's process, which waits for the answer.",
    )


def _is_ours(address: str) -> bool:
    """Whether this machine has the address: then one can bind to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _owners(address: bytes, port: int) -> Iterator[tuple[int, int]]:
    """The user and the inode of each socket whose own end has this address and port."""
    wanted = {_in_hex(address) + f":{port:04X}", _in_hex(_MAPPED + address) + f":{port:04X}"}
    for table in _TABLES:
        try:
            _, *rows = Path("/proc/self/net", table).read_text().splitlines()
        except (OSError, ValueError):  # a kernel without IPv6
            continue
        for row in rows:
            fields = row.split()
            if fields[1] in wanted:
                yield int(fields[7]), int(fields[9])


def _in_hex(address: bytes) -> str:
    """As the table has it: words of four bytes, each in the processor's own order."""
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(address) // 4}I", address))
