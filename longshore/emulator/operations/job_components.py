"""The trial components of jobs that a client starts with an ExperimentConfig, as SageMaker adds them."""

from __future__ import annotations

from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.kinds import KINDS, KindName
from longshore.emulator.operations.base import Request
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record

_EXPERIMENT, _TRIAL, _COMPONENT = "ExperimentName", "TrialName", "TrialComponentDisplayName"


def check_experiment(platform: Platform, request: Request) -> None:
    """Raise AwsError if the ExperimentConfig names an experiment or a trial that is not there."""
    config = request.get("ExperimentConfig", {})
    if _EXPERIMENT in config:
        platform.records.get("experiment", config[_EXPERIMENT])
    if _TRIAL in config:
        trial = platform.records.get("experiment-trial", config[_TRIAL])
        if config.get(_EXPERIMENT, trial[_EXPERIMENT]) != trial[_EXPERIMENT]:
            raise AwsError(
                "ValidationException",
                f"Trial {config[_TRIAL]} is of experiment {trial[_EXPERIMENT]}, not {config[_EXPERIMENT]}.",
            )


def add_component(platform: Platform, kind: KindName, job: Record) -> None:
    """Add the trial component of a job, and a trial if the job names only an experiment."""
    config = job.get("ExperimentConfig")
    if config is None:
        return
    stem = KINDS[kind].stem
    name = f"{job[f'{stem}Name']}-aws-{kind}"
    trial = config.get(_TRIAL)
    if trial is None and _EXPERIMENT in config:
        trial = f"{job[f'{stem}Name']}-aws-trial"
        members = {"DisplayName": trial, _EXPERIMENT: config[_EXPERIMENT]}
        _replace(platform, "experiment-trial", trial, members)
    component = {
        "DisplayName": config.get(_COMPONENT, name),
        "Source": {"SourceArn": job[f"{stem}Arn"], "SourceType": f"SageMaker{stem}"},
        "Parameters": _parameters(job),
        "InputArtifacts": _inputs(job),
        "_Trials": [] if trial is None else [trial],
    }
    _replace(platform, "experiment-trial-component", name, component)


def _replace(platform: Platform, kind: KindName, name: str, members: Record) -> None:
    """Create a record in the place of that of a deleted job, whose name this job has."""
    old = platform.records.by_arn(platform.records.arn(kind, name))
    if old is not None:
        platform.records.delete(*old)
    platform.records.create(kind, name, members)


def job_members(platform: Platform, component: Record) -> dict[str, Any]:
    """Return what a trial component shows of its job: how far it is, its model and its final metrics."""
    found = platform.records.by_arn(component.get("Source", {}).get("SourceArn", ""))
    job = None if found is None else platform.records.find(*found)
    if found is None or job is None:
        return {}
    stem = KINDS[found[0]].stem
    times = {
        "StartTime": f"{stem.removesuffix('Job')}StartTime",
        "EndTime": f"{stem.removesuffix('Job')}EndTime",
    }
    shown: dict[str, Any] = {name: job[member] for name, member in times.items() if member in job}
    message = job.get("FailureReason", "")
    shown["Status"] = {"PrimaryStatus": job[f"{stem}Status"], **({"Message": message} if message else {})}
    if "ModelArtifacts" in job:
        uri = job["ModelArtifacts"]["S3ModelArtifacts"]
        shown["OutputArtifacts"] = {"SageMaker.ModelArtifact": {"Value": uri}}
    shown["Metrics"] = [_summary(job[f"{stem}Arn"], metric) for metric in job.get("FinalMetricDataList", [])]
    return shown


def _summary(arn: str, metric: dict[str, Any]) -> dict[str, Any]:
    value = metric["Value"]
    return {
        "MetricName": metric["MetricName"],
        "SourceArn": arn,
        "TimeStamp": metric["Timestamp"],
        **dict.fromkeys(("Min", "Max", "Last", "Avg"), value),
        "StdDev": 0.0,
        "Count": 1,
    }


def _parameters(job: Record) -> dict[str, Any]:
    resources = (
        job.get("ResourceConfig")
        or job.get("TransformResources")
        or job.get("ProcessingResources", {}).get("ClusterConfig", {})
    )
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    about = {f"SageMaker.{member}": resources[member] for member in members if member in resources}
    return {name: _parameter(value) for name, value in {**job.get("HyperParameters", {}), **about}.items()}


def _parameter(value: Any) -> dict[str, Any]:
    try:
        return {"NumberValue": float(value)}
    except ValueError:
        return {"StringValue": value}


def _inputs(job: Record) -> dict[str, Any]:
    image = job.get("AlgorithmSpecification", {}).get("TrainingImage") or job.get("AppSpecification", {}).get(
        "ImageUri"
    )
    sources = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in job.get("InputDataConfig", [])
        if "S3DataSource" in channel["DataSource"]
    }
    sources |= {
        given["InputName"]: given["S3Input"]["S3Uri"]
        for given in job.get("ProcessingInputs", [])
        if "S3Input" in given
    }
    if image:
        sources["SageMaker.ImageUri"] = image
    return {name: {"Value": uri} for name, uri in sources.items()}
