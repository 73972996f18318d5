"""The networks of the Docker engine that an owner's containers share."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from longshore.engines.docker_sdk import labels, sdk
from longshore.errors import UserError


class _Network(NamedTuple):
    """One that this process has made, and that leads somewhere. kept: also without a container on it."""

    owner: str
    subnet: ipaddress.IPv4Network
    gateway: str
    kept: bool


class Networks:
    """Made for their first container and removed after their last, unless they are kept. Thread-safe."""

    def __init__(self) -> None:
        # While one is made, joined, or looked at whether it is still needed; who joins in vain enters anew.
        self._changing = threading.RLock()
        self._known: dict[str, _Network] = {}

    @contextlib.contextmanager
    def joining(self, client: Any, name: str, owner: str, *, internal: bool) -> Iterator[None]:
        """It is there, and nobody removes it before the container that joins it has started.

        internal: whether the engine is to let nothing out of it.
        """
        with contextlib.ExitStack() as changing:
            changing.enter_context(self._changing)
            if not any(network.name == name for network in client.networks.list(names=[name])):
                self._make(client, name, owner, internal=internal)
            if self.is_kept(name):
                changing.close()  # nobody removes it: others may start meanwhile
            yield

    def keep(self, client: Any, name: str, owner: str) -> str:
        """Make one that stays; the address of its gateway, which is this machine.

        UserError where the engine's networks are not this machine's.
        """
        with self._changing:
            if not self.is_kept(name):
                network = self._make(client, name, owner, kept=True)
                if f"br-{network.id[:12]}" not in (name for _, name in socket.if_nameindex()):
                    del self._known[name]
                    network.remove()
                    raise UserError(
                        "Docker",
                        "its networks are not this machine's: the engine is in a virtual machine (as Docker"
                        " Desktop's), rootless, or elsewhere.",
                        "Use an engine that runs as root on this machine.",
                    )
            return self._known[name].gateway

    def is_kept(self, name: str) -> bool:
        return name in self._known and self._known[name].kept

    def leave(self, client: Any, name: str) -> None:
        """Remove it if it has lost its last container and is not kept."""
        with self._changing:
            if self.is_kept(name):
                return
            # Taken out first: once it has gone, its addresses may be another network's.
            known = self._known.pop(name, None)
            try:
                client.api.remove_network(name)
            except sdk().errors.NotFound:
                return
            except sdk().errors.APIError:  # others are on it
                if known is not None:
                    self._known[name] = known

    def forget(self, owner: str) -> None:
        """All of the owner's are being removed, kept or not."""
        with self._changing:
            self._known = {name: known for name, known in self._known.items() if known.owner != owner}

    def admits(self, owner: str, address: str) -> bool:
        """Whether an address is on one of the owner's networks that lead somewhere, and not this machine's.

        This machine's own processes connect from a network's gateway, whichever user runs them.
        """
        peer = ipaddress.ip_address(address)
        known = [network for network in self._known.values() if network.owner == owner]
        gateways = {network.gateway for network in known}
        return address not in gateways and any(peer in network.subnet for network in known)

    def _make(self, client: Any, name: str, owner: str, *, internal: bool = False, kept: bool = False) -> Any:
        options: dict[str, Any] = {}
        if (before := self._known.get(name)) is not None:
            # Somebody's `docker network prune` took it, and we still listen at its gateway: make the same.
            pool = sdk().types.IPAMPool(subnet=str(before.subnet), gateway=before.gateway)
            options["ipam"] = sdk().types.IPAMConfig(pool_configs=[pool])
            kept = before.kept
        network = client.networks.create(
            name, driver="bridge", internal=internal, labels=labels(owner), **options
        )
        network.reload()
        if not internal:
            for config in network.attrs["IPAM"]["Config"]:
                subnet = ipaddress.ip_network(config["Subnet"])
                if isinstance(subnet, ipaddress.IPv4Network):
                    self._known[name] = _Network(owner, subnet, config["Gateway"], kept)
        return network
