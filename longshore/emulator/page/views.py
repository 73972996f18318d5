"""What the page is told of endpoints and jobs, as JSON. Times are seconds since the epoch."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from longshore.emulator.operations.base import described
from longshore.emulator.parts import is_direct, model_containers, parts
from longshore.emulator.platform import Platform
from longshore.emulator.records import KINDS, KindName, Record

_BOOT = secrets.token_hex(8)  # another one after a restart, when what was seen of logs does not count
_JOBS_MAX = 1000  # that are listed: the newest
_LINES_MAX = 2000  # of logs in one answer
_STREAMS_MAX = 50
_LINE_MAX = 4000  # characters
_GROUPS: dict[KindName, str] = {
    "training-job": "/aws/sagemaker/TrainingJobs",
    "transform-job": "/aws/sagemaker/TransformJobs",
    "processing-job": "/aws/sagemaker/ProcessingJobs",
}
_OUTPUTS = ("ModelArtifacts", "OutputDataConfig", "TransformOutput", "ProcessingOutputConfig")


def overview(platform: Platform, query: Mapping[str, str]) -> dict[str, Any]:
    """All endpoints, and all jobs, the newest first. version: that of the answer before, whose jobs are not
    sent again where nothing has changed.
    """
    version = platform.records.version  # before the records: what changes meanwhile is told next time
    answer: dict[str, Any] = {"boot": _BOOT, "version": version, "endpoints": _endpoints(platform)}
    if query.get("version") != str(version) or query.get("boot") != _BOOT:
        jobs = [job for kind in _GROUPS for job in _jobs(platform, kind)]
        jobs.sort(key=lambda job: job["created"], reverse=True)
        answer |= {"jobs": jobs[:_JOBS_MAX], "allJobs": len(jobs)}
    return answer


def detail(platform: Platform, query: Mapping[str, str]) -> dict[str, Any]:
    """One endpoint or job with its new log lines; `found` says whether it is there.

    kind and name; boot and seen: those of the answer before (seen: how many lines of each log stream, as
    JSON). KeyError and ValueError where the query is none of these.
    """
    kind = _kind(query["kind"])
    name = query["name"]
    record = platform.records.find(kind, name)
    if record is None:
        return {"boot": _BOOT, "found": False}
    about = KINDS[kind]
    group, prefix = _logs_of(kind, name)
    seen = _seen(query.get("seen", "{}")) if query.get("boot") == _BOOT else {}
    return {
        "boot": _BOOT,
        "found": True,
        "status": record[str(about.status)],
        "secondary": record.get("SecondaryStatus"),
        "reason": record.get("FailureReason") or record.get("ExitMessage"),
        "steps": _steps(platform, kind, name, record),
        "containers": _containers(platform, name, group, prefix),
        "record": described(f"Describe{about.stem}", record),
        "logs": _logs(platform, group, prefix, seen),
        **(_endpoint(platform, name, record) if kind == "endpoint" else _job(kind, record)),
    }


def _kind(given: str) -> KindName:
    for known in KINDS:
        if known == given and (known == "endpoint" or known in _GROUPS):
            return known
    raise ValueError(f"there is no page for kind {given}.")


def _seen(given: str) -> dict[str, int]:
    seen = json.loads(given)
    if not isinstance(seen, dict) or not all(isinstance(count, int) for count in seen.values()):
        raise ValueError("seen is no JSON object of numbers.")
    return seen


def _endpoints(platform: Platform) -> list[dict[str, Any]]:
    members = (
        "EndpointName", "EndpointStatus", "EndpointConfigName", "CreationTime", "FailureReason", "_Config",
    )  # fmt: skip
    return [
        {
            "kind": "endpoint",
            "name": record["EndpointName"],
            "status": record["EndpointStatus"],
            "config": record["EndpointConfigName"],
            "created": record["CreationTime"],
            "reason": record.get("FailureReason"),
            "variants": [variant["VariantName"] for variant in record["_Config"]["ProductionVariants"]],
            "containers": _containers(
                platform, record["EndpointName"], *_logs_of("endpoint", record["EndpointName"])
            ),
        }
        for record in platform.records.columns("endpoint", members)
    ]


def _jobs(platform: Platform, kind: KindName) -> list[dict[str, Any]]:
    about = KINDS[kind]
    times = _times(kind)
    members = (
        f"{about.stem}Name", str(about.status), "SecondaryStatus", "CreationTime", *times, "FailureReason",
        "ExitMessage", *_OUTPUTS,
    )  # fmt: skip
    return [
        {
            "kind": kind,
            "name": record[f"{about.stem}Name"],
            "status": record[str(about.status)],
            "secondary": record.get("SecondaryStatus"),
            "created": record["CreationTime"],
            "started": record.get(times[0]),
            "ended": record.get(times[1]),
            "reason": record.get("FailureReason") or record.get("ExitMessage"),
            "outputs": _outputs(record),
        }
        for record in platform.records.columns(kind, members)
    ]


def _endpoint(platform: Platform, name: str, record: Record) -> dict[str, Any]:
    variants = record["_Config"]["ProductionVariants"]
    return {
        "times": {"Created": record["CreationTime"], "Changed": record["LastModifiedTime"]},
        "facts": {
            "Configuration": [record["EndpointConfigName"]],
            "Variants": [_variant(variant, record["_Models"]) for variant in variants],
        },
        "variants": [variant["VariantName"] for variant in variants],
        "targetContainers": _target_containers(record["_Models"]),
        "asynchronous": "AsyncInferenceConfig" in record["_Config"],
        "latency": platform.latency.summary(name),
    }


def _target_containers(models: Mapping[str, Record]) -> list[str]:
    """Those of which an invocation has to name one."""
    direct = [model for model in models.values() if is_direct(model)]
    return list(dict.fromkeys(part.name for model in direct for part in parts(model)))


def _variant(settings: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    model = models.get(settings.get("ModelName", ""))
    images = ", ".join(one["Image"] for one in model_containers(model)) if model else ""
    count = settings.get("InitialInstanceCount", 1)
    size = "serverless" if "ServerlessConfig" in settings else f"{count} instance{'s' * (count != 1)}"
    weight = f"weight {settings.get('InitialVariantWeight', 1):g}"
    return ", ".join(filter(None, (settings["VariantName"], settings.get("ModelName"), size, weight, images)))


def _job(kind: KindName, record: Record) -> dict[str, Any]:
    started, ended = _times(kind)
    image = record.get("AlgorithmSpecification", {}).get("TrainingImage") or record.get(
        "AppSpecification", {}
    ).get("ImageUri")
    facts = {
        "Image": [image] if image else [],
        "Model": [record["ModelName"]] if "ModelName" in record else [],
        "Outputs": _outputs(record),
        "Metrics": [
            f"{metric['MetricName']} = {metric['Value']:g}"
            for metric in record.get("FinalMetricDataList", [])
        ],
    }
    times = {"Created": record["CreationTime"], "Started": record.get(started), "Ended": record.get(ended)}
    return {"times": times, "facts": {label: values for label, values in facts.items() if values}}


def _times(kind: KindName) -> tuple[str, str]:
    stem = KINDS[kind].stem.removesuffix("Job")
    return f"{stem}StartTime", f"{stem}EndTime"


def _outputs(record: Record) -> list[str]:
    found = [
        record.get("ModelArtifacts", {}).get("S3ModelArtifacts")
        or record.get("OutputDataConfig", {}).get("S3OutputPath"),
        record.get("TransformOutput", {}).get("S3OutputPath"),
        *(
            output.get("S3Output", {}).get("S3Uri")
            for output in record.get("ProcessingOutputConfig", {}).get("Outputs", [])
        ),
    ]
    return [uri for uri in found if uri]


def _steps(platform: Platform, kind: KindName, name: str, record: Record) -> list[dict[str, Any]]:
    """How it went: a training job's own account of it, else what the records remember."""
    if "SecondaryStatusTransitions" in record:
        return [
            {"status": one["Status"], "at": one["StartTime"], "message": one.get("StatusMessage", "")}
            for one in record["SecondaryStatusTransitions"]
        ]
    return [{"status": status, "at": at, "message": ""} for at, status in platform.records.steps(kind, name)]


def _containers(platform: Platform, name: str, group: str, prefix: str) -> list[dict[str, Any]]:
    """Those that run for it. healthy: None for one that does not take requests: it starts, leaves, or is a
    job's.
    """
    live = platform.endpoints.live(name) if not prefix else None
    variants = live.variants.values() if live is not None else ()
    healthy = {
        container.log_stream: instance.healthy
        for variant in variants
        for instance in variant.instances()
        for container in instance.containers
    }
    return sorted(
        (
            {
                "name": launched.running.name,
                "stream": launched.log_stream,
                "healthy": healthy.get(launched.log_stream),
            }
            for launched in platform.fleet.running()
            if launched.log_group == group and launched.log_stream.startswith(prefix)
        ),
        key=lambda one: str(one["stream"]),
    )


def _logs_of(kind: KindName, name: str) -> tuple[str, str]:
    """The log group, and how the names of its streams begin."""
    return (f"/aws/sagemaker/Endpoints/{name}", "") if kind == "endpoint" else (_GROUPS[kind], f"{name}/")


def _logs(platform: Platform, group: str, prefix: str, seen: dict[str, int]) -> dict[str, Any]:
    """skipped: how many lines came that are not among these."""
    after = platform.books.log_after(group, prefix, seen, most=_LINES_MAX, streams=_STREAMS_MAX)
    lines = sorted(
        ((line.when, stream, line.text) for stream, (_, new) in after.items() for line in new),
        key=lambda line: line[0],
    )[-_LINES_MAX:]
    new = sum(max(0, count - seen.get(stream, 0)) for stream, (count, _) in after.items())
    return {
        "group": group,
        "streams": f"{prefix}*" if prefix else "",
        "seen": {stream: count for stream, (count, _) in after.items()},
        "skipped": new - len(lines),
        "lines": [(when, stream.removeprefix(prefix), _short(text)) for when, stream, text in lines],
    }


def _short(text: str) -> str:
    more = len(text) - _LINE_MAX
    return text if more <= 0 else f"{text[:_LINE_MAX]} … ({more} more characters)"
