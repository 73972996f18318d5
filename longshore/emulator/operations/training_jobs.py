"""CreateTrainingJob and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.jobs import channels, cluster, history, inputs
from longshore.emulator.jobs.metrics import Metrics
from longshore.emulator.jobs.run import begin
from longshore.emulator.jobs.training_run import TrainingRun
from longshore.emulator.operations import jobs
from longshore.emulator.operations.base import Handler, Request, check_tags, reading
from longshore.emulator.operations.job_components import add_component, check_experiment
from longshore.emulator.operations.plain import listing
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.s3_uri import parse_s3_uri

_MAX_RUNTIME_SECONDS = 86400  # where StoppingCondition does not say
_DEFAULTS = {
    "EnableNetworkIsolation": False,
    "EnableInterContainerTrafficEncryption": False,
    "EnableManagedSpotTraining": False,
    "ProfilingStatus": "Disabled",
}


def create(platform: Platform, request: Request) -> dict[str, Any]:
    """Begin the job, after its role, its data and its buckets have been looked for, as SageMaker does."""
    _check(platform, request)
    condition = {"MaxRuntimeInSeconds": _MAX_RUNTIME_SECONDS, **request.get("StoppingCondition", {})}
    name = request["TrainingJobName"]
    record = platform.records.create(
        "training-job", name, {**_DEFAULTS, **request, "StoppingCondition": condition, **history.begin()}
    )
    add_component(platform, "training-job", record)
    begin(platform, TrainingRun, name)
    return {"TrainingJobArn": record["TrainingJobArn"]}


def interrupt(platform: Platform, name: str) -> None:
    """Take a spot job's instances away, as AWS may at any time; AwsError where there are none."""
    record = platform.records.get("training-job", name)
    control = platform.jobs.find("training-job", name)
    if not record["EnableManagedSpotTraining"]:
        raise AwsError(
            "ValidationException", f"{name} has no EnableManagedSpotTraining: nothing interrupts it."
        )
    if record["SecondaryStatus"] != "Training" or control is None:
        raise AwsError("ValidationException", f"{name} is {record['SecondaryStatus']}, and not Training.")
    control.tell("interrupt")


def _check(platform: Platform, request: Request) -> None:
    for member in ("AlgorithmSpecification", "ResourceConfig"):
        if member not in request:
            raise AwsError(
                "ValidationException", f"{member} must be there: the emulator has no serverless jobs."
            )
    if "TrainingImage" not in request["AlgorithmSpecification"]:
        raise AwsError(
            "ValidationException",
            "AlgorithmSpecification must name a TrainingImage: the emulator has no AlgorithmName.",
        )
    check_tags(request)
    check_experiment(platform, request)
    platform.check_role(request["RoleArn"])
    _check_times(request)
    if not cluster.hosts_of(request["ResourceConfig"]):
        raise AwsError("ValidationException", "ResourceConfig: InstanceCount must be at least 1.")
    for channel in channels.parse(request):
        inputs.check(platform.books, parse_s3_uri(channel.uri), request["RoleArn"], platform.region)
    inputs.check_bucket(
        platform.books, request["OutputDataConfig"]["S3OutputPath"], "OutputDataConfig.S3OutputPath"
    )
    if "CheckpointConfig" in request:
        inputs.check_bucket(platform.books, request["CheckpointConfig"]["S3Uri"], "CheckpointConfig.S3Uri")
    try:
        Metrics(request["AlgorithmSpecification"].get("MetricDefinitions", []))
    except ValueError as error:
        raise AwsError("ValidationException", str(error)) from None


def _check_times(request: Request) -> None:
    condition = request.get("StoppingCondition", {})
    runtime = condition.get("MaxRuntimeInSeconds", _MAX_RUNTIME_SECONDS)
    wait = condition.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining"):
        if wait is None or wait < runtime:
            raise AwsError(
                "ValidationException",
                "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to"
                " MaxRuntimeInSeconds",
            )
    elif wait is not None:
        raise AwsError(
            "ValidationException", "MaxWaitTimeInSeconds is for jobs with EnableManagedSpotTraining alone."
        )


def _select(platform: Platform, request: Request) -> Iterator[Record]:
    for record in platform.records.all("training-job"):
        plan = record["ResourceConfig"].get("TrainingPlanArn")
        # No job keeps its instances in a warm pool here.
        if "WarmPoolStatusEquals" not in request and request.get("TrainingPlanArnEquals", plan) == plan:
            yield record


HANDLERS: dict[str, Handler] = {
    **reading("training-job"),
    **listing("training-job", "ListTrainingJobs", _select),
    "CreateTrainingJob": create,
    **jobs.stopping("training-job", lambda record: history.enter(record, "Stopping")),
    **jobs.deleting("training-job"),
}
