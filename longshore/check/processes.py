"""A container's processes on this machine, and the ports on which they listen."""

from __future__ import annotations

import contextlib
from pathlib import Path

from longshore.check.rule import NotTried
from longshore.engines.base import Running

_LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp
_END_SECONDS = 0.5  # from the end of a container's processes until the engine reports it


def pids(running: Running) -> list[int]:
    """Return its processes, the first one first. Raises NotTried if they are not visible."""
    found = running.pids()
    if not found:
        raise NotTried("the container has no processes: it has ended")
    if not any(Path(f"/proc/{pid}").exists() for pid in found):
        raise NotTried("the container's processes cannot be seen from this machine")
    # Their children, in case the engine does not list them.
    parents = {int(path.name): _parent(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    while more := [pid for pid, parent in parents.items() if parent in found and pid not in found]:
        found += more
    return found


def leaf(running: Running) -> int | None:
    """Return a worker: of the processes without children the one with the most memory.

    Returns:
        None if there is only the first process.
    """
    all_of_it = pids(running)
    parents = {_parent(pid) for pid in all_of_it}
    leaves = [pid for pid in all_of_it if pid not in parents and _parent(pid) in all_of_it]
    return max(leaves, key=_memory, default=None)


def listening_ports(running: Running) -> set[int]:
    """Return the TCP ports on which its processes listen, on any address."""
    found: set[int] = set()
    for pid in pids(running):
        sockets = _sockets(pid)
        for table in ("tcp", "tcp6"):
            for line in _lines(f"/proc/{pid}/net/{table}"):
                local, state, inode = line[1], line[3], line[9]
                if state == _LISTEN and inode in sockets:
                    found.add(int(local.rpartition(":")[2], 16))
    if not found:
        raise NotTried("the container's sockets cannot be seen: that needs root, or the same user")
    return found


def listens(running: Running, port: int) -> bool:
    """Return whether anything in its network takes connections at the port; False if it has ended.

    Raises:
        NotTried: This machine does not show it.
    """
    try:
        return _listens(running, port)
    except NotTried:
        if running.wait(_END_SECONDS) is None:
            raise
        return False


def _listens(running: Running, port: int) -> bool:
    tables = Path(f"/proc/{pids(running)[0]}/net")
    if not (tables / "tcp").is_file():
        raise NotTried("the container's sockets cannot be seen from this machine")
    lines = [line for table in ("tcp", "tcp6") for line in _lines(f"{tables}/{table}")]
    return any(line[3] == _LISTEN and int(line[1].rpartition(":")[2], 16) == port for line in lines)


def _lines(file: str) -> list[list[str]]:
    try:
        return [line.split() for line in Path(file).read_text().splitlines()[1:]]
    except OSError:
        return []


def _sockets(pid: int) -> set[str]:
    """Return the inodes of a process's sockets."""
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    found.add(target[len("socket:[") : -1])
    return found


def _parent(pid: int) -> int:
    """Return the parent; 0 if the process has ended, also if it is a zombie."""
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()  # the name in it may end within a character
    except OSError:
        return 0
    state, parent = line.rpartition(b")")[2].split()[:2]
    return 0 if state == b"Z" else int(parent)


def _memory(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
