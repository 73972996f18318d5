"""Refuses requests of containers that would start a program of this machine (`host:PATH`).

Such a program is not confined as the container is. Containers may not name one, and may not start one that
somebody else has named before: in a model, an endpoint's configuration or an endpoint. They may not invoke
such an endpoint either: that may start the program (a serverless variant, one that has ended) or have it load
a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.parts import model_containers
from longshore.emulator.platform import Platform
from longshore.engines.base import HOST_PREFIX

_IMAGES = ("Image", "TrainingImage", "ImageUri")  # the members of requests that name what is to run
_STARTING = ("Create", "Update")  # how the operations begin that can start something


def refuse_host_programs(platform: Platform, operation: str, request: dict[str, Any]) -> None:
    """AwsError if the request would start a program of this machine, or names one."""
    images = list(_named(request, _IMAGES))
    if operation.startswith(_STARTING):
        images += _stored(platform, request)
    for image in images:
        if image.startswith(HOST_PREFIX):
            raise AwsError("AccessDeniedException", f"A container may not have {image} run.", 403)


def refuse_endpoint_of_host_programs(platform: Platform, endpoint: str) -> None:
    """AwsError if one of the endpoint's containers is a program of this machine."""
    for image in _stored(platform, {"EndpointName": endpoint}):
        if image.startswith(HOST_PREFIX):
            raise AwsError(
                "AccessDeniedException",
                f"A container may not invoke endpoint {endpoint}, which runs {image} on this machine.",
                403,
            )


def _stored(platform: Platform, request: dict[str, Any]) -> Iterator[str]:
    """The images of the models that a request names, directly or by a configuration or an endpoint."""
    configs = [
        platform.records.find("endpoint-config", name) for name in _named(request, ("EndpointConfigName",))
    ]
    models = [platform.records.find("model", name) for name in _named([request, configs], ("ModelName",))]
    for endpoint in _named(request, ("EndpointName",)):
        models += ((platform.records.find("endpoint", endpoint) or {}).get("_Models") or {}).values()
        if (deployment := platform.endpoints.live(endpoint)) is not None:
            models += deployment.models.values()
    for model in filter(None, models):
        yield from (container.get("Image", "") for container in model_containers(model))


def _named(value: Any, members: tuple[str, ...]) -> Iterator[str]:
    """The values of all members of these names, however deep they are."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name in members and isinstance(member, str):
                yield member
            yield from _named(member, members)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item, members)
