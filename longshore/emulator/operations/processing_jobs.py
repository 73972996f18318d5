"""CreateProcessingJob and what goes with it (E)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.jobs import inputs
from longshore.emulator.jobs.processing_run import ProcessingRun
from longshore.emulator.jobs.run import begin
from longshore.emulator.operations import jobs
from longshore.emulator.operations.base import Handler, Request, check_tags, reading
from longshore.emulator.operations.job_components import add_component, check_experiment
from longshore.emulator.platform import Platform
from longshore.emulator.s3_uri import parse_s3_uri

_ROOT = PurePosixPath("/opt/ml/processing")
_MAX_RUNTIME_SECONDS = 86400  # where StoppingCondition does not say


def create(platform: Platform, request: Request) -> dict[str, Any]:
    """Begin the job, after its role, its data and its buckets have been looked for."""
    check_tags(request)
    check_experiment(platform, request)
    platform.check_role(request["RoleArn"])
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    _check_names("input", [given["InputName"] for given in request.get("ProcessingInputs", [])])
    _check_names("output", [given["OutputName"] for given in outputs])
    for given in request.get("ProcessingInputs", []):
        _check_input(platform, request["RoleArn"], given)
    for given in outputs:
        _check_output(platform, given)
    name = request["ProcessingJobName"]
    record = platform.records.create(
        "processing-job",
        name,
        {
            "StoppingCondition": {"MaxRuntimeInSeconds": _MAX_RUNTIME_SECONDS},
            **request,
            "ProcessingJobStatus": "InProgress",
        },
    )
    add_component(platform, "processing-job", record)
    begin(platform, ProcessingRun, name)
    return {"ProcessingJobArn": record["ProcessingJobArn"]}


def _check_names(kind: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise AwsError("ValidationException", f"Duplicate processing {kind} name: {name}.")


def _check_input(platform: Platform, role: str, given: dict[str, Any]) -> None:
    name = given["InputName"]
    if given.get("AppManaged"):
        return
    source = given.get("S3Input")
    if source is None:
        raise AwsError("ValidationException", f"Processing input {name}: the emulator reads S3Input alone.")
    if source.get("S3InputMode", "File") != "File" or source.get("S3CompressionType", "None") != "None":
        raise AwsError(
            "ValidationException", f"Processing input {name}: the emulator has S3InputMode File alone."
        )
    _check_path(source.get("LocalPath"), f"Processing input {name}")
    inputs.check(platform.books, parse_s3_uri(source["S3Uri"]), role, platform.region)


def _check_output(platform: Platform, given: dict[str, Any]) -> None:
    name = given["OutputName"]
    if given.get("AppManaged"):
        return
    target = given.get("S3Output")
    if target is None:
        raise AwsError(
            "ValidationException", f"Processing output {name}: the emulator writes to S3Output alone."
        )
    _check_path(target.get("LocalPath"), f"Processing output {name}")
    inputs.check_bucket(platform.books, target["S3Uri"], f"Processing output {name}")


def _check_path(path: str | None, about: str) -> None:
    if path is None or not PurePosixPath(path).is_relative_to(_ROOT) or ".." in PurePosixPath(path).parts:
        raise AwsError("ValidationException", f"{about}: LocalPath must begin with {_ROOT}/, and is {path}.")


HANDLERS: dict[str, Handler] = {
    **reading("processing-job"),
    "CreateProcessingJob": create,
    **jobs.stopping("processing-job"),
    **jobs.deleting("processing-job"),
}
