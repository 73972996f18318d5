"""CreateModel and what goes with it."""

from __future__ import annotations

from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.listing import list_records
from longshore.emulator.operations.base import Handler, Request, check_image, check_tags, described
from longshore.emulator.platform import Platform
from longshore.emulator.s3_uri import parse_s3_uri
from longshore.limits import ENVIRONMENT_BYTES_MAX, PIPELINE_CONTAINERS_RANGE


def create(platform: Platform, request: Request) -> dict[str, Any]:
    """Keep the model, after its role, images and data have been looked for, as SageMaker does."""
    containers = model_containers(request)
    if not containers or ("PrimaryContainer" in request and "Containers" in request):
        raise AwsError("ValidationException", "Name either a PrimaryContainer or Containers, and not both.")
    if "Containers" in request and len(containers) > PIPELINE_CONTAINERS_RANGE[1]:
        raise AwsError(
            "ValidationException", f"A model has at most {PIPELINE_CONTAINERS_RANGE[1]} containers (B5)."
        )
    check_tags(request)
    platform.check_role(request.get("ExecutionRoleArn"))
    for container in containers:
        _check_container(platform, container)
    record = platform.records.create(
        "model", request["ModelName"], {"EnableNetworkIsolation": False, **request}
    )
    return {"ModelArn": record["ModelArn"]}


def describe(platform: Platform, request: Request) -> dict[str, Any]:
    """A model."""
    return described("DescribeModel", platform.records.get("model", request["ModelName"]))


def delete(platform: Platform, request: Request) -> dict[str, Any]:
    """Forget a model; endpoints that run it go on."""
    platform.records.delete("model", request["ModelName"])
    return {}


def list_models(platform: Platform, request: Request) -> dict[str, Any]:
    """A page of models."""
    return list_records(platform.records, "model", "ListModels", request)


def model_containers(model: dict[str, Any]) -> list[dict[str, Any]]:
    """A model's container definitions: one, or those of a pipeline in their order."""
    if "Containers" in model:
        return list(model["Containers"])
    return [model["PrimaryContainer"]] if "PrimaryContainer" in model else []


def _check_container(platform: Platform, container: dict[str, Any]) -> None:
    if "Image" not in container:
        raise AwsError(
            "ValidationException",
            "The emulator runs a container by its Image; it knows no other way to name what it runs.",
        )
    size = sum(len(f"{key}{value}".encode()) for key, value in container.get("Environment", {}).items())
    if size > ENVIRONMENT_BYTES_MAX:
        raise AwsError(
            "ValidationException",
            f"The Environment has {size} bytes, and may have {ENVIRONMENT_BYTES_MAX} (A6).",
        )
    check_image(platform, container["Image"])
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is not None:
        whole = source["CompressionType"] == "Gzip" or source["S3DataType"] == "S3Object"
        _check_data(platform, source["S3Uri"], is_prefix=not whole)
    elif container.get("ModelDataUrl"):
        _check_data(platform, container["ModelDataUrl"], is_prefix=container.get("Mode") == "MultiModel")


def _check_data(platform: Platform, text: str, *, is_prefix: bool) -> None:
    uri = parse_s3_uri(text)
    books = platform.books
    if not books.bucket_exists(uri.bucket):
        raise AwsError(
            "ValidationException", f"Could not access model data at {text}. There is no bucket {uri.bucket}."
        )
    # A multi-model endpoint may be made before its models are there.
    if not is_prefix and books.find_object(*uri) is None:
        raise AwsError("ValidationException", f"Could not find model data at {text}.")


HANDLERS: dict[str, Handler] = {
    "CreateModel": create,
    "DescribeModel": describe,
    "DeleteModel": delete,
    "ListModels": list_models,
}
