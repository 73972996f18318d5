"""Pipelines: their definitions are kept; no execution of one can be started."""

from __future__ import annotations

import json
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.operations.base import Handler, Request
from longshore.emulator.operations.plain import creating, deleting, describing, find_name, listing, updating
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record

_DEFINITION_BYTES_MAX = 1 << 20
_LOCATION = "PipelineDefinitionS3Location"


def _new(platform: Platform, request: Request) -> Record:
    if ("PipelineDefinition" in request) == (_LOCATION in request):
        raise AwsError(
            "ValidationException",
            f"Either Pipeline Definition or Pipeline Definition S3 location should be provided: name one of "
            f"PipelineDefinition and {_LOCATION}.",
        )
    return {
        "PipelineDisplayName": request["PipelineName"],
        "CreatedBy": {},
        "LastModifiedBy": {},
        "PipelineStatus": "Active",  # the definition's own
        **_with_definition(platform, request),
    }


def _with_definition(platform: Platform, request: Request) -> Request:
    """Return the request with the definition itself in the place of its location in S3."""
    platform.check_role(request.get("RoleArn"))
    location = request.get(_LOCATION)
    changed = {key: value for key, value in request.items() if key != _LOCATION}
    if location is not None:
        content = platform.books.content(location["Bucket"], location["ObjectKey"], location.get("VersionId"))
        if content is None:
            raise AwsError(
                "ValidationException",
                f"There is no S3 object s3://{location['Bucket']}/{location['ObjectKey']}.",
            )
        with content.open() as stream:
            changed["PipelineDefinition"] = stream.read(_DEFINITION_BYTES_MAX + 1).decode(errors="replace")
    if "PipelineDefinition" in changed:
        _check_definition(changed["PipelineDefinition"])
    return changed


def _check_definition(definition: str) -> None:
    if len(definition) > _DEFINITION_BYTES_MAX:
        raise AwsError("ValidationException", "The pipeline's definition has more than 1 MB.")
    try:
        parsed = json.loads(definition)
    except (ValueError, RecursionError) as error:
        raise AwsError("ValidationException", f"The pipeline's definition is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise AwsError("ValidationException", "The pipeline's definition must be a JSON object.")


def _list_executions(platform: Platform, request: Request) -> dict[str, Any]:
    find_name(platform, "pipeline", request["PipelineName"])
    return {"PipelineExecutionSummaries": []}


def _select(platform: Platform, request: Request) -> list[Record]:
    prefix = request.get("PipelineNamePrefix", "")
    if request.get("ManagedBy") == "AWS":  # which made none of them
        return []
    return [one for one in platform.records.all("pipeline") if one["PipelineName"].startswith(prefix)]


HANDLERS: dict[str, Handler] = {
    **creating("pipeline", _new),
    **describing("pipeline"),
    **updating("pipeline", prepare=_with_definition),
    **deleting("pipeline"),
    **listing("pipeline", "ListPipelines", _select),
    "ListPipelineExecutions": _list_executions,
}
