"""Runs images in containers, by the Docker engine of this machine."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from functools import partial
from typing import Any

from longshore.engines import docker_answers
from longshore.engines.base import Container, Gateway, Image
from longshore.engines.docker_container import DockerContainer
from longshore.engines.docker_networks import Networks
from longshore.engines.docker_sdk import OURS, connect, labels, ping, sdk, speaking
from longshore.engines.leftovers import Leftovers
from longshore.errors import UserError

_LOG_CONFIG = {"max-size": "32m", "max-file": "2"}  # what is kept of a container that writes without end


class DockerEngine:
    """The engine 'docker'. Asks for it at the first use; UserError wherever it does not answer."""

    name = "docker"

    def __init__(self) -> None:
        self._networks = Networks()
        self._client: Any | None = None
        self._leftovers = Leftovers(self._remove)

    def missing(self) -> str | None:
        """Why no engine answers, in a few words; None where one does."""
        try:
            self._connected("Docker")
        except UserError:
            return "no Docker engine answers"
        return None

    def version(self) -> str:
        client = self._connected("Docker")
        with speaking("Docker"):
            version: str = client.version()["Version"]
        return version

    def image(self, name: str) -> Image:
        client = self._connected(name)
        with speaking(name):
            found = client.api.inspect_image(name)
            # Asked only where it is needed: it takes the engine longer than all else here.
            unsaid = "Descriptor" not in found and docker_answers.uses_containerds_store(client.info())
        return docker_answers.image(name, found, in_containerds_store=unsaid)

    def start(self, container: Container) -> DockerContainer:
        client = self._connected(container.image)
        name = f"{_prefix(container.owner)}{secrets.token_hex(6)}"
        network = self._network(name, container)
        options: dict[str, Any] = {
            "name": name,
            "command": list(container.arguments),
            "detach": True,
            "environment": dict(container.environment),
            "labels": labels(container.owner),
            "mounts": _mounts(container),
            "user": container.user or None,
            "hostname": container.host_name,
            "read_only": container.read_only_root,
            "log_config": _log_config(),
        }
        if container.entrypoint is not None:
            options["entrypoint"] = list(container.entrypoint)
        if container.memory_mb is not None:
            options |= {"mem_limit": f"{container.memory_mb}m", "memswap_limit": f"{container.memory_mb}m"}
        if container.port is not None and not container.isolated:
            options["ports"] = {f"{container.port}/tcp": ("127.0.0.1", None)}
        if network is None:
            options["network_mode"] = "none" if container.isolated else "bridge"
        else:
            options["network"] = network
            options["networking_config"] = {network: _endpoint(client, container.host_name)}
        with speaking(container.image), contextlib.ExitStack() as undo:
            if network is not None:
                undo.enter_context(
                    self._networks.joining(client, network, container.owner, internal=container.isolated)
                )
            try:
                created = client.containers.create(container.image, **options)
                started = DockerContainer(created, name, network, self._leftovers)
                started.begin(container.port, container.isolated)
            except BaseException:
                self._leftovers.remove(name, network)
                raise
        return started

    def gateway(self, owner: str) -> Gateway:
        client = self._connected("Docker")
        with speaking("Docker"):
            address = self._networks.keep(client, _shared(owner), owner)
        return Gateway(address, partial(self._networks.admits, owner))

    def clean(self, owner: str) -> list[str]:
        removed = []
        client = self._connected("Docker")
        with speaking("Docker"):
            ours = {"label": [f"{label}={value}" for label, value in labels(owner).items()]}
            for container in client.containers.list(all=True, filters=ours, ignore_removed=True):
                with _gone_already():
                    container.remove(force=True, v=True)
                    removed.append(str(container.name))
            self._networks.forget(owner)
            for network in client.networks.list(filters=ours):
                with _gone_already():
                    network.remove()
                    removed.append(str(network.name))
        return removed

    def _network(self, name: str, container: Container) -> str | None:
        """Which network a container of this name is on; None for the engine's own, or for none at all."""
        if container.network is not None:
            return f"{_prefix(container.owner)}{container.network}"
        if container.isolated:
            # Nobody reaches a container without any network. A network of its own, that the engine lets
            # nothing out of, and on which only this machine is beside it, comes nearest.
            return None if container.port is None else f"{name}-isolated"
        shared = _shared(container.owner)
        return shared if self._networks.is_kept(shared) else None

    def _connected(self, where: str) -> Any:
        """The engine's client, after it has answered: else each request to one that hangs would take long."""
        with speaking(where):
            if self._client is None:  # two who come at once make two, one of which stays
                self._client = connect()
            ping(self._client.api)
        return self._client

    def _remove(self, name: str, network: str | None) -> None:
        client = self._connected(name)
        with speaking(name):
            with _gone_already():
                client.api.remove_container(name, force=True, v=True)
            if network is not None:
                self._networks.leave(client, network)


def _prefix(owner: str) -> str:
    """How the names of all that is this owner's begin."""
    return f"{OURS}-{owner or 'nobody'}-"


def _shared(owner: str) -> str:
    """The network of all its containers that have no other."""
    return f"{_prefix(owner)}shared"


def _mounts(container: Container) -> list[Any]:
    return [
        sdk().types.Mount(mount.target, str(mount.source.resolve()), type="bind", read_only=mount.read_only)
        for mount in container.mounts
    ]


def _log_config() -> Any:
    return sdk().types.LogConfig(type="json-file", config=_LOG_CONFIG)


def _endpoint(client: Any, host_name: str | None) -> Any:
    return client.api.create_endpoint_config(aliases=[host_name] if host_name else [])


@contextlib.contextmanager
def _gone_already() -> Iterator[None]:
    """What is to be removed may have been, or is just being."""
    try:
        yield
    except sdk().errors.APIError as error:
        if error.status_code not in (404, 409):
            raise
