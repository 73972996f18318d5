"""The Docker SDK: the one place that imports it, and where whatever it raises becomes a UserError."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from longshore.engines.base import NoAnswer
from longshore.errors import UserError

_ANSWER_SECONDS = 15.0  # until an engine counts as silent: a ping needs no disk
_WORK_SECONDS = 60.0  # for what it may have to do something
OURS = "longshore"  # the label of all that is this package's
_OWNER = "longshore.owner"


def labels(owner: str) -> dict[str, str]:
    """What an owner's containers and networks are found by."""
    return {OURS: "1", _OWNER: owner}


def sdk() -> Any:
    """The SDK; imported at the first use, as it takes a third of a second."""
    import docker

    return docker


def connect() -> Any:
    """As the command `docker` does: DOCKER_HOST, else the context in use: Docker Desktop has its own."""
    docker, options = sdk(), {"timeout": _ANSWER_SECONDS, "max_pool_size": 64}
    context = None if "DOCKER_HOST" in os.environ else docker.ContextAPI.get_current_context()
    if context is None:
        client = docker.from_env(**options)
    else:
        client = docker.DockerClient(base_url=context.Host, tls=context.TLSConfig or False, **options)
    client.api.timeout = _WORK_SECONDS
    return client


def ping(api: Any) -> None:
    """Raises what speaking() makes a NoAnswer of, where the engine does not answer in time."""
    api.get(f"{api.base_url}/_ping", timeout=_ANSWER_SECONDS).raise_for_status()


@contextlib.contextmanager
def speaking(where: str) -> Iterator[None]:
    """Makes a UserError of whatever goes wrong with the engine; NoAnswer where it does not answer."""
    import requests
    import urllib3

    errors = sdk().errors
    try:
        yield
    except errors.ImageNotFound as error:
        raise UserError(
            f"image {where}",
            "Docker has none of this name here.",
            f"Build it (`docker build --tag {where} .`) or fetch it (`docker pull {where}`).",
        ) from error
    except errors.APIError as error:
        said = str(error.explanation or error).strip().rstrip(".")
        raise UserError(
            where,
            f"Docker reports an error: {said}.",
            "Fix the cause that Docker names, and try again; `docker info` shows the engine's state.",
        ) from error
    except (
        errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as error:
        raise NoAnswer(
            where,
            "the Docker engine does not answer.",
            "Start it (see `docker info`), or run a checkout as host:PATH.",
        ) from error
