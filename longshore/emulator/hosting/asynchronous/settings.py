"""AsyncInferenceConfig: what CreateEndpointConfig takes of it, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.jobs.inputs import check_bucket
from longshore.emulator.parts import is_direct, parts
from longshore.emulator.platform import Platform

_CONCURRENCY = 4  # where the configuration leaves it to SageMaker, which does not say what it takes


def check(platform: Platform, request: Mapping[str, Any]) -> None:
    """AwsError where a CreateEndpointConfig asks for what cannot be; nothing where it is not asynchronous."""
    if "AsyncInferenceConfig" not in request:
        return
    for variant in request["ProductionVariants"]:
        model = platform.records.get("model", variant["ModelName"])
        if is_direct(model) or any(part.is_multi_model for part in parts(model)):
            raise AwsError(
                "ValidationException",
                "An asynchronous invocation names neither a model nor a container: AsyncInferenceConfig goes "
                "with multi-model containers and direct invocation as little as with ServerlessConfig.",
            )
    output = request["AsyncInferenceConfig"]["OutputConfig"]
    if "S3OutputPath" not in output:
        raise AwsError(
            "ValidationException",
            "The emulator stores asynchronous answers in S3 alone: name AsyncInferenceConfig.OutputConfig."
            "S3OutputPath.",
        )
    for member in ("S3OutputPath", "S3FailurePath"):
        if member in output:
            check_bucket(platform.books, output[member], f"AsyncInferenceConfig.OutputConfig.{member}")


def concurrency(config: Mapping[str, Any]) -> int:
    """How many invocations an instance gets at a time."""
    client = config.get("AsyncInferenceConfig", {}).get("ClientConfig", {})
    return int(client.get("MaxConcurrentInvocationsPerInstance", _CONCURRENCY))
