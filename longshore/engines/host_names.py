"""The host names of programs that share a network, as their /etc/hosts has them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path

_HOSTS, _SWITCH = Path("/etc/hosts"), Path("/etc/nsswitch.conf")
_HOSTS_LINE = re.compile(rb"^hosts:(.*)$", re.MULTILINE)


@dataclass
class _Network:
    folder: Path
    members: int = 0
    names: dict[str, str] = field(default_factory=dict)


class HostNames:
    """Networks and their names. Thread-safe.

    Each name has a loopback address of its own, so that programs which listen at their names' addresses may
    use the same port.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._networks: dict[str, _Network] = {}

    def join(self, network: str, name: str, prefix: str) -> list[tuple[str, str, bool]]:
        """Add a name to a network, made for its first member.

        Args:
            network: Unique among all owners.
            name: The member's host name.
            prefix: How the temporary folder's name begins.

        Returns:
            What the member mounts: (source, target, read-only). Names that are added later are seen there.
        """
        with self._lock:
            known = self._networks.get(network)
            if known is None:
                known = self._networks[network] = _Network(Path(tempfile.mkdtemp(prefix=prefix)))
                known.folder.chmod(0o711)
            known.members += 1
            if name not in known.names:
                known.names[name] = _address(network, len(known.names) + 1)
            files = {_HOSTS: _lines(known.names), _SWITCH: _files_first()}
            mounts = []
            for target, text in files.items():
                if text is not None:
                    _write(known.folder / target.name, text)
                    mounts.append((str(known.folder / target.name), str(target), False))
            return mounts

    def leave(self, network: str) -> None:
        """Remove a member, and the network with its last one."""
        with self._lock:
            known = self._networks[network]
            known.members -= 1
            if known.members == 0:
                del self._networks[network]
                shutil.rmtree(known.folder, ignore_errors=True)


def _address(network: str, number: int) -> str:
    """127.X.Y.Z: X and Y are the network's, 127.0 is left to this machine."""
    of_network = zlib.crc32(network.encode())
    return f"127.{of_network % 254 + 1}.{of_network // 254 % 256}.{number}"


def _lines(names: dict[str, str]) -> bytes:
    """This machine's /etc/hosts, with the names before it."""
    machine = b""
    with contextlib.suppress(OSError):
        machine = _HOSTS.read_bytes()
    added = ""
    for name, address in names.items():
        short = name.partition(".")[0]
        added += f"{address}\t{name}{'' if short == name else ' ' + short}\n"
    return added.encode() + machine


def _files_first() -> bytes | None:
    """An nsswitch.conf that asks /etc/hosts first; None if this machine's does."""
    try:
        text = _SWITCH.read_bytes()
    except OSError:
        return None
    found = _HOSTS_LINE.search(text)
    if found is None or found[1].split()[:1] == [b"files"]:
        return None
    return _HOSTS_LINE.sub(lambda line: b"hosts: files " + line[1].strip(), text)


def _write(file: Path, text: bytes) -> None:
    """In place, because programs have mounted it, and at no time empty."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))
        os.fchmod(descriptor, 0o644)
    finally:
        os.close(descriptor)
