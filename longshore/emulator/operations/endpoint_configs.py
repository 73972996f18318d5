"""CreateEndpointConfig and what goes with it."""

from __future__ import annotations

from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.asynchronous import settings as asynchronous
from longshore.emulator.operations.base import Handler, Request, check_tags, reading
from longshore.emulator.operations.serverless import check_serverless
from longshore.emulator.platform import Platform

_NOT_RUN = ("ShadowProductionVariants", "ExplainerConfig")


def create(platform: Platform, request: Request) -> dict[str, Any]:
    """Keep the configuration, after its models have been looked for."""
    for member in _NOT_RUN:
        if request.get(member) is not None:
            raise AwsError("ValidationException", f"This emulator does not run {member}: leave it out.")
    check_tags(request)
    platform.check_role(request.get("ExecutionRoleArn"))
    names = [variant["VariantName"] for variant in request["ProductionVariants"]]
    if len(names) != len(set(names)):
        raise AwsError(
            "ValidationException", "Variant names must be unique within an endpoint configuration."
        )
    record = {
        **request,
        "ProductionVariants": [
            _variant(platform, request, variant) for variant in request["ProductionVariants"]
        ],
    }
    asynchronous.check(platform, request)
    made = platform.records.create("endpoint-config", request["EndpointConfigName"], record)
    return {"EndpointConfigArn": made["EndpointConfigArn"]}


def delete(platform: Platform, request: Request) -> dict[str, Any]:
    """Forget a configuration; endpoints that were made of it go on."""
    platform.records.delete("endpoint-config", request["EndpointConfigName"])
    return {}


def _variant(platform: Platform, request: Request, variant: dict[str, Any]) -> dict[str, Any]:
    if "ModelName" not in variant:
        raise AwsError("ValidationException", "The emulator runs variants of a model: name it in ModelName.")
    model = platform.records.get("model", variant["ModelName"])
    if "ServerlessConfig" in variant:
        check_serverless(request, variant, model)
        return {"InitialVariantWeight": 1.0, **variant}
    if "InstanceType" not in variant:
        raise AwsError("ValidationException", "Name an InstanceType for each variant that is not serverless.")
    return {"InitialVariantWeight": 1.0, "InitialInstanceCount": 1, **variant}


HANDLERS: dict[str, Handler] = {
    **reading("endpoint-config"),
    "CreateEndpointConfig": create,
    "DeleteEndpointConfig": delete,
}
