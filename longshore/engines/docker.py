"""Runs images in containers, by the Docker engine of this machine."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import Counter, deque
from collections.abc import Iterator
from functools import partial
from typing import Any

from longshore.engines import docker_answers
from longshore.engines.base import Container, Gateway, Image, Line
from longshore.engines.docker_networks import Networks
from longshore.engines.docker_sdk import OURS, connect, labels, sdk, speaking
from longshore.errors import UserError

_END_SECONDS = 5.0  # from the end of a container until the engine tells of it
_LOG_CONFIG = {"max-size": "32m", "max-file": "2"}  # what is kept of a container that writes without end


class DockerEngine:
    """The engine 'docker'. Asks for it at the first use; UserError wherever it does not answer."""

    name = "docker"

    def __init__(self) -> None:
        self._networks = Networks()
        self._connecting = threading.Lock()
        self._client: Any | None = None

    def missing(self) -> str | None:
        """Why no engine answers, in a few words; None where one does."""
        try:
            with speaking("Docker"):
                self._connected().ping()
        except UserError:
            return "no Docker engine answers"
        return None

    def version(self) -> str:
        with speaking("Docker"):
            version: str = self._connected().version()["Version"]
        return version

    def image(self, name: str) -> Image:
        with speaking(name):
            found = self._connected().api.inspect_image(name)
        return docker_answers.image(name, found)

    def start(self, container: Container) -> DockerContainer:
        client = self._connected()
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
                started = DockerContainer(self, created, network, name)
                started.begin(container.port, container.isolated)
            except BaseException:
                self._discard(client, name, network)
                raise
        return started

    def gateway(self, owner: str) -> Gateway:
        with speaking("Docker"):
            address = self._networks.keep(self._connected(), _shared(owner), owner)
        return Gateway(address, partial(self._networks.admits, owner))

    def clean(self, owner: str) -> list[str]:
        removed = []
        with speaking("Docker"):
            client = self._connected()
            ours = {"label": [f"{label}={value}" for label, value in labels(owner).items()]}
            for container in client.containers.list(all=True, filters=ours, ignore_removed=True):
                with contextlib.suppress(sdk().errors.NotFound):
                    container.remove(force=True, v=True)
                    removed.append(str(container.name))
            self._networks.forget(owner)
            for network in client.networks.list(filters=ours):
                with contextlib.suppress(sdk().errors.NotFound):
                    network.remove()
                    removed.append(str(network.name))
        return removed

    def leave_network(self, name: str | None) -> None:
        """Remove this network if it has lost its last container."""
        if name is not None:
            self._networks.leave(self._connected(), name)

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

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None:
                with speaking("Docker"):
                    self._client = connect()
            return self._client

    def _discard(self, client: Any, name: str, network: str | None) -> None:
        """What is left of a start that failed; the engine may have failed, too."""
        with contextlib.suppress(Exception):
            client.api.remove_container(name, force=True, v=True)
        if network is not None:
            with contextlib.suppress(Exception):
                self._networks.remove(client, network)


class DockerContainer:
    """A container that was started, until remove(). Thread-safe."""

    def __init__(self, engine: DockerEngine, container: Any, network: str | None, name: str) -> None:
        self._engine = engine
        self._container = container
        self._api = container.client.api
        self._network = network
        self.name = name
        self.address: tuple[str, int] | None = None
        self._ended = threading.Event()
        self._code: int | None = None
        self._lost: UserError | None = None
        self._removed = False

    def begin(self, port: int | None, isolated: bool) -> None:
        """Start it, and see where its port is."""
        self._container.start()
        threading.Thread(target=self._wait, name=f"wait-{self.name}", daemon=True).start()
        if port is None:
            return
        network = self._api.inspect_container(self.name)["NetworkSettings"]
        if isolated:
            (only,) = network["Networks"].values()
            self.address = (only["IPAddress"], port)
        else:
            # None once it has ended; then nobody will answer there, whichever number it is.
            published = (network["Ports"] or {}).get(f"{port}/tcp") or [{"HostPort": "0"}]
            self.address = ("127.0.0.1", int(published[0]["HostPort"]))

    def exit_code(self) -> int | None:
        if self._ended.is_set() and self._lost is not None:
            raise self._lost
        return self._code if self._ended.is_set() else None

    def wait(self, seconds: float | None = None) -> int | None:
        self._ended.wait(seconds)
        return self.exit_code()

    def signal(self, number: int) -> None:
        if self.exit_code() is None:
            with speaking(self.name), contextlib.suppress(sdk().errors.APIError):  # it has just ended
                self._api.kill(self.name, number)

    def stop(self, grace: float, number: int = 15) -> int:
        self.signal(number)
        if self.wait(grace) is None:
            self.signal(9)
        code = self.wait()
        assert code is not None
        return code

    def lines(self) -> Iterator[Line]:
        recent: deque[Line] = deque(maxlen=10_000)
        for line in self._read_log(follow=1):
            recent.append(line)
            yield line
        if self._ended.wait(_END_SECONDS):
            self.exit_code()  # a UserError where it was not the container that ended, but the engine
        # Engines have ended such a stream before its last lines.
        known = Counter(recent)
        since = f"{recent[-1].when - 0.001:.6f}" if recent else "0"
        for line in self._read_log(follow=0, since=since):
            if known[line]:
                known[line] -= 1
            else:
                yield line

    def _read_log(self, **options: int | str) -> Iterator[Line]:
        url = f"{self._api.base_url}/v{self._api.api_version}/containers/{self.name}/logs"
        what = {"stdout": 1, "stderr": 1, "timestamps": 1, **options}
        with speaking(self.name), self._api.get(url, params=what, stream=True, timeout=None) as answer:
            if answer.status_code in (404, 409):  # it has been removed, and its log with it, or is just being
                return
            answer.raise_for_status()
            yield from docker_answers.lines(answer.raw)

    def pids(self) -> list[int]:
        if self.exit_code() is not None:
            return []
        with speaking(self.name):
            first = int(self._api.inspect_container(self.name)["State"]["Pid"])
            top = self._api.top(self.name)
        column = top["Titles"].index("PID")
        found = [int(row[column]) for row in top["Processes"] or ()]
        return sorted(found, key=lambda pid: (pid != first, pid))

    def memory_bytes(self) -> int | None:
        if self.exit_code() is not None:
            return None
        with speaking(self.name):
            used = self._api.stats(self.name, stream=False, one_shot=True).get("memory_stats", {})
        if "usage" not in used:
            return None
        of = used.get("stats", {})
        # The page cache that can be given up at any time is nothing a limit would be reached by.
        return int(used["usage"]) - int(of.get("total_inactive_file", of.get("inactive_file", 0)))

    def out_of_memory(self) -> bool:
        if self.exit_code() is None:
            return False
        with speaking(self.name):
            return bool(self._api.inspect_container(self.name)["State"]["OOMKilled"])

    def remove(self) -> None:
        if self._removed:
            return
        self._removed = True
        with (
            contextlib.suppress(UserError),
            speaking(self.name),
            contextlib.suppress(sdk().errors.NotFound),
        ):
            self._api.remove_container(self.name, force=True, v=True)
        with contextlib.suppress(UserError), speaking(self.name):
            self._engine.leave_network(self._network)
        self._ended.wait(_END_SECONDS)

    def _wait(self) -> None:
        try:
            with speaking(self.name):
                self._code = int(self._api.wait(self.name, timeout=None)["StatusCode"])
        except UserError as error:
            if not self._removed:
                self._lost = error
            else:
                self._code = 137
        finally:
            self._ended.set()


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
