"""CreateTransformJob and what goes with it."""

from __future__ import annotations

from typing import Any

from longshore import limits
from longshore.emulator.faults import AwsError
from longshore.emulator.jobs import inputs
from longshore.emulator.jobs.run import begin
from longshore.emulator.jobs.transform.data_processing import Processing
from longshore.emulator.jobs.transform.run import TransformRun
from longshore.emulator.operations import jobs
from longshore.emulator.operations.base import Handler, Request, check_tags, reading
from longshore.emulator.operations.job_components import add_component, check_experiment
from longshore.emulator.parts import is_direct, parts
from longshore.emulator.platform import Platform
from longshore.emulator.s3_uri import parse_s3_uri


def create(platform: Platform, request: Request) -> dict[str, Any]:
    """Begin the job, after its model, its data and its bucket have been looked for, as SageMaker does."""
    check_tags(request)
    check_experiment(platform, request)
    model = platform.records.get("model", request["ModelName"])
    _check(request)
    if is_direct(model) or any(part.is_multi_model for part in parts(model)):
        raise AwsError(
            "ValidationException",
            "Batch transform runs neither multi-model containers nor models for direct invocation: make a "
            "model of the container that is wanted.",
        )
    source = inputs.s3_data_source(request["TransformInput"], "TransformInput")
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise AwsError(
            "ValidationException", f"TransformInput: the emulator has no {source['S3DataType']} data."
        )
    inputs.check(
        platform.books, parse_s3_uri(source["S3Uri"]), model.get("ExecutionRoleArn"), platform.region
    )
    inputs.check_bucket(
        platform.books, request["TransformOutput"]["S3OutputPath"], "TransformOutput.S3OutputPath"
    )
    name = request["TransformJobName"]
    record = platform.records.create(
        "transform-job", name, {**request, "TransformJobStatus": "InProgress", "_Model": model}
    )
    add_component(platform, "transform-job", record)
    begin(platform, TransformRun, name)
    return {"TransformJobArn": record["TransformJobArn"]}


def _check(request: Request) -> None:
    payload = request.get("MaxPayloadInMB", 0)
    if payload > limits.PAYLOAD_MB_BATCH:
        raise AwsError(
            "ValidationException", f"MaxPayloadInMB is {payload}, and may be {limits.PAYLOAD_MB_BATCH} (C3)."
        )
    if payload * request.get("MaxConcurrentTransforms", 0) > limits.TRANSFORM_TOTAL_MB:
        raise AwsError(
            "ValidationException",
            f"MaxConcurrentTransforms × MaxPayloadInMB may be {limits.TRANSFORM_TOTAL_MB} at most (C3).",
        )
    for member, (least, most) in {
        "InvocationsTimeoutInSeconds": limits.TRANSFORM_TIMEOUT_SECONDS_RANGE,
        "InvocationsMaxRetries": limits.TRANSFORM_RETRIES_RANGE,
    }.items():
        value = request.get("ModelClientConfig", {}).get(member, least)
        if not least <= value <= most:
            raise AwsError("ValidationException", f"{member} is {value}, and may be {least} to {most} (C4).")
    given = request["TransformInput"]
    for value in (given.get("ContentType", ""), request["TransformOutput"].get("Accept", "")):
        if not (value.isascii() and value.isprintable()):
            raise AwsError("ValidationException", f"{value!r} cannot be the value of a header.")
    try:
        Processing(
            request.get("DataProcessing", {}),
            content_type=given.get("ContentType"),
            split=given.get("SplitType", "None"),
        )
    except ValueError as error:
        raise AwsError("ValidationException", str(error)) from None


HANDLERS: dict[str, Handler] = {
    **reading("transform-job"),
    "CreateTransformJob": create,
    **jobs.stopping("transform-job"),
}
