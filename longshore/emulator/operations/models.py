"""CreateModel and what goes with it."""

from __future__ import annotations

from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.operations.base import (
    Handler,
    Request,
    check_image,
    check_label,
    check_tags,
    reading,
)
from longshore.emulator.operations.model_packages import resolve
from longshore.emulator.parts import RESOLVED, is_direct, model_containers
from longshore.emulator.platform import Platform
from longshore.emulator.s3_uri import parse_s3_uri
from longshore.limits import ENVIRONMENT_BYTES_MAX, PIPELINE_CONTAINERS_MAX

_CAPABILITIES = "com.amazonaws.sagemaker.capabilities"


def create(platform: Platform, request: Request) -> dict[str, Any]:
    """Keep the model, after its role, images and data have been looked for, as SageMaker does."""
    given = model_containers(request)
    if not given or ("PrimaryContainer" in request and "Containers" in request):
        raise AwsError("ValidationException", "Name either a PrimaryContainer or Containers, and not both.")
    containers = [definition for container in given for definition in resolve(platform, container)]
    _check_together(request, containers)
    check_tags(request)
    platform.check_role(request.get("ExecutionRoleArn"))
    for container in containers:
        _check_container(platform, container)
        if len(containers) > 1:
            check_label(platform, container["Image"], f"{_CAPABILITIES}.accept-bind-to-port")
    resolved = {} if containers == given else {RESOLVED: containers}
    record = platform.records.create(
        "model", request["ModelName"], {"EnableNetworkIsolation": False, **request, **resolved}
    )
    return {"ModelArn": record["ModelArn"]}


def delete(platform: Platform, request: Request) -> dict[str, Any]:
    """Forget a model; endpoints that run it go on."""
    platform.records.delete("model", request["ModelName"])
    return {}


def _check_together(request: Request, containers: list[dict[str, Any]]) -> None:
    """What several containers may be to each other (B4, B5)."""
    if len(containers) > PIPELINE_CONTAINERS_MAX:
        raise AwsError(
            "ValidationException",
            f"The model has {len(containers)} containers, and may have {PIPELINE_CONTAINERS_MAX} (B5).",
        )
    names = [one["ContainerHostname"] for one in containers if one.get("ContainerHostname")]
    all_named = len(names) == len(containers)
    if len(containers) > 1 and not all_named and (names or is_direct(request)):
        raise AwsError(
            "ValidationException",
            "Each container needs a ContainerHostname where one has it, and for direct invocation (B5).",
        )
    if len(names) != len(set(names)):
        raise AwsError("ValidationException", "Each ContainerHostname may be there once (B5).")
    if is_direct(request) and len(containers) == 1:
        raise AwsError("ValidationException", "Direct invocation is for models of several Containers (B5).")
    if sum(one.get("Mode") == "MultiModel" for one in containers) > 1:
        raise AwsError(
            "ValidationException",
            "More than one container in MultiModel mode is not supported with inference pipeline.",
        )


def _check_container(platform: Platform, container: dict[str, Any]) -> None:
    if "Image" not in container:
        raise AwsError(
            "ValidationException",
            "The emulator runs a container by its Image or its ModelPackageName: name one of them.",
        )
    size = sum(len(f"{key}{value}".encode()) for key, value in container.get("Environment", {}).items())
    if size > ENVIRONMENT_BYTES_MAX:
        raise AwsError(
            "ValidationException",
            f"The Environment has {size} bytes, and may have {ENVIRONMENT_BYTES_MAX} (A6).",
        )
    check_image(platform, container["Image"])
    if container.get("Mode") == "MultiModel":
        check_label(platform, container["Image"], f"{_CAPABILITIES}.multi-models")
        if "ModelDataSource" in container or not container.get("ModelDataUrl"):
            raise AwsError(
                "ValidationException",
                "A container in MultiModel mode takes its models from the S3 prefix in ModelDataUrl, and has "
                "no ModelDataSource (B4).",
            )
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
    **reading("model"),
    "CreateModel": create,
    "DeleteModel": delete,
}
