"""CreateEndpoint and what goes with it: what can be checked at once is; the rest is hosting's."""

from __future__ import annotations

from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.operations.base import Handler, Request, check_tags, reading
from longshore.emulator.platform import Platform


def create(platform: Platform, request: Request) -> dict[str, Any]:
    """The endpoint is 'Creating' when this returns."""
    check_tags(request)
    record = platform.endpoints.create(
        request["EndpointName"], request["EndpointConfigName"], request.get("Tags", [])
    )
    return {"EndpointArn": record["EndpointArn"]}


def update(platform: Platform, request: Request) -> dict[str, Any]:
    """The endpoint is 'Updating' when this returns."""
    excluded = {item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", [])}
    keep = request.get("RetainAllVariantProperties", False)
    if excluded and not keep:
        raise AwsError(
            "ValidationException",
            "ExcludeRetainedVariantProperties goes with RetainAllVariantProperties alone.",
        )
    name = request["EndpointName"]
    record = platform.records.get("endpoint", name)
    platform.endpoints.update(name, request["EndpointConfigName"], keep_variants=keep, excluded=excluded)
    return {"EndpointArn": record["EndpointArn"]}


def scale(platform: Platform, request: Request) -> dict[str, Any]:
    """UpdateEndpointWeightsAndCapacities: 'Updating' when this returns."""
    record = platform.records.get("endpoint", request["EndpointName"])
    platform.endpoints.scale(request["EndpointName"], request["DesiredWeightsAndCapacities"])
    return {"EndpointArn": record["EndpointArn"]}


def delete(platform: Platform, request: Request) -> dict[str, Any]:
    """The endpoint is 'Deleting' when this returns, and gone when its containers are."""
    platform.endpoints.delete(request["EndpointName"])
    return {}


HANDLERS: dict[str, Handler] = {
    **reading("endpoint"),
    "CreateEndpoint": create,
    "UpdateEndpoint": update,
    "UpdateEndpointWeightsAndCapacities": scale,
    "DeleteEndpoint": delete,
}
