"""Which engine runs an image, and which there are on this machine."""

from __future__ import annotations

import functools

from longshore.engines.base import HOST_PREFIX, Engine


@functools.cache
def _docker() -> Engine:
    from longshore.engines.docker import DockerEngine

    return DockerEngine()


@functools.cache
def _host() -> Engine:
    from longshore.engines.host import HostEngine

    return HostEngine()


def choose(image: str) -> Engine:
    """The engine for an image's name: the host's for host:PATH, else Docker. It need not be there yet."""
    return _host() if image.startswith(HOST_PREFIX) else _docker()


def named(name: str) -> Engine:
    """The engine of this name, 'host' or 'docker'. It need not be there yet."""
    return {"host": _host, "docker": _docker}[name]()


def explain() -> str:
    """One line for a start: which engines there are, and where one is missing, why."""
    from longshore.engines.docker import DockerEngine
    from longshore.engines.host import HostEngine

    docker, host = _docker(), _host()
    assert isinstance(docker, DockerEngine) and isinstance(host, HostEngine)
    reason = docker.missing()
    said = f"Docker {docker.version()} answers" if reason is None else f"{reason}: only host:PATH runs"
    view = "sees its own /opt/ml" if host.has_namespaces() else "finds /opt/ml through ML_ROOT alone"
    return f"{said}; what runs as host:PATH {view}."
