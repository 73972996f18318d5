"""Whether a request names the model and the container that its endpoint wants named (B4, B5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.hosted import TARGET_MODEL
from longshore.emulator.hosting.instance import TARGET_CONTAINER
from longshore.emulator.parts import is_direct, parts

_INFERENCE_COMPONENT = "X-Amzn-SageMaker-Inference-Component"


def check_targets(endpoint: str, model: dict[str, Any], headers: Mapping[str, str]) -> None:
    """AwsError where SageMaker would refuse. model: its record; headers: as the container gets them."""
    if _INFERENCE_COMPONENT in headers:
        raise _refused(
            f"Endpoint {endpoint} has no inference components, which this emulator does not run: leave out "
            "InferenceComponentName."
        )
    made_of = parts(model)
    host_name = headers.get(TARGET_CONTAINER)
    if is_direct(model):
        names = [part.name for part in made_of]
        if host_name is None:
            raise _refused(
                f"Endpoint {endpoint} is configured for direct invocation: name one of its containers in "
                f"TargetContainerHostname: {', '.join(names)}."
            )
        if host_name not in names:
            raise _refused(
                f"Endpoint {endpoint} has no container {host_name} (TargetContainerHostname): its containers "
                f"are {', '.join(names)}."
            )
        made_of = [part for part in made_of if part.name == host_name]
    elif host_name is not None:
        raise _refused(
            f"Endpoint {endpoint} is not configured for direct invocation and does not support target "
            "container hostname header."
        )
    multi_model = any(part.is_multi_model for part in made_of)
    if multi_model and TARGET_MODEL not in headers:
        raise _refused(
            f"Endpoint {endpoint} is a multi-model endpoint and requires target model header: name the model "
            "in TargetModel."
        )
    if not multi_model and TARGET_MODEL in headers:
        raise _refused(
            f"Endpoint {endpoint} is not a multi-model endpoint and does not support target model header."
        )


def _refused(message: str) -> AwsError:
    return AwsError("ValidationError", message)
