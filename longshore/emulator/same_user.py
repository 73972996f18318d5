"""Which user's process is at the other end of a connection over loopback.

The emulator runs programs with its own user's rights, so no other user may use it. The kernel knows the owner
of the client's socket: asked for one socket by its addresses (sock_diag), or else in its table of all of them
(/proc/net/tcp). Other systems than Linux do not say.
"""

from __future__ import annotations

import errno
import os
import pwd
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

# From linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h and net/tcp_states.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=LHHLL")  # nlmsghdr: length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBBL2s2s16s16sL8s")  # inet_diag_req_v2 with its inet_diag_sockid
_ANSWER = struct.Struct("=4B2s2s16s16s12s5L")  # inet_diag_msg: ..., expires, rqueue, wqueue, uid, inode
_ALL_STATES = 0xFFFFFFFF
_LISTEN = 10
_NO_COOKIE = b"\xff" * 8

_TABLES = ("tcp", "tcp6")
_LOOKS = 3  # a row can be missed while the table changes
_MAPPED = bytes(10) + b"\xff\xff"  # how an IPv6 socket writes an IPv4 address

Address = tuple[str, int]
Find = Callable[[Address, Address], int | None]


def by_sock_diag(client: Address, server: Address) -> int | None:
    """Return the user who owns the client's socket, None if no process holds it (any more).

    A socket without a process has inode 0, and the kernel gives root as its owner.
    """
    ends = [
        (socket.inet_aton(host).ljust(16, b"\0"), struct.pack("!H", port)) for host, port in (client, server)
    ]
    request = _REQUEST.pack(
        socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ALL_STATES, ends[0][1], ends[1][1], ends[0][0], ends[1][0],
        0, _NO_COOKIE,
    )  # fmt: skip
    header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        netlink.send(header + request)
        answer = netlink.recv(4096)
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        return None  # an error, which is that there is no such socket
    found = _ANSWER.unpack_from(answer, _HEADER.size)
    state, peer_port, uid, inode = found[1], found[5], found[-2], found[-1]
    # Without a connection of these addresses the kernel returns who listens at the client's port.
    return None if state == _LISTEN or peer_port != ends[1][1] or not inode else uid


def by_table(client: Address, server: Address) -> int | None:
    """As by_sock_diag(), from /proc/net/tcp and tcp6."""
    ends = [(socket.inet_aton(host), port) for host, port in (client, server)]
    wanted = {
        tuple(f"{_in_hex(prefix + packed)}:{port:04X}" for packed, port in ends) for prefix in (b"", _MAPPED)
    }
    for _ in range(_LOOKS):
        for table in _TABLES:
            try:
                _, *rows = Path("/proc/self/net", table).read_text().splitlines()
            except (OSError, ValueError):  # a kernel without IPv6
                continue
            for row in rows:
                fields = row.split()
                if (fields[1], fields[2]) in wanted and int(fields[9]):
                    return int(fields[7])
    return None


def _in_hex(address: bytes) -> str:
    """As the table has it: words of four bytes, each in the processor's own order."""
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(address) // 4}I", address))


class SameUser:
    """Admits connections over loopback that this process's own user or root made, or who became root by sudo.

    Attributes:
        works: whether the system tells who made a connection; if not, everybody is admitted.
        by_sudo: the name of the user who started this process by sudo, None if nobody did.
    """

    def __init__(self) -> None:
        self._find = next(filter(_finds_this_process, (by_sock_diag, by_table)), None)
        self.works = self._find is not None
        self._admitted = {0, os.geteuid()}
        self.by_sudo: str | None = None
        sudo = os.environ.get("SUDO_UID", "")
        if os.geteuid() == 0 and sudo.isascii() and sudo.isdigit() and int(sudo) != 0:
            self._admitted.add(int(sudo))
            self.by_sudo = _name(int(sudo))

    def refusal(self, connection: socket.socket) -> str | None:
        """Return why the client is refused, None if it is admitted."""
        if self._find is None:
            return None
        try:
            uid = self._find(connection.getpeername(), connection.getsockname())
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            uid = None
        if uid in self._admitted:
            return None
        if uid is None:
            return "The client hung up before the emulator could see whose it is."
        return (
            f"{_name(os.geteuid())} started this emulator, and it answers no other user's requests, such as"
            f" those of {_name(uid)}. Start an emulator of your own, with another --port."
        )


def _finds_this_process(find: Find) -> bool:
    if sys.platform != "linux" or _is_anybody(os.geteuid()):
        return False
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        try:
            return find(client.getsockname(), server.getsockname()) == os.geteuid()
        except (OSError, struct.error):
            return False


def _is_anybody(uid: int) -> bool:
    """Whether the kernel gives this user for all those whom this user namespace does not have."""
    try:
        has_all = Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
        return not has_all and uid == int(Path("/proc/sys/kernel/overflowuid").read_text())
    except OSError:
        return False


def _name(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
