"""What a serverless variant may be, and what goes with it (B7)."""

from __future__ import annotations

from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.serverless import check_concurrency
from longshore.emulator.operations.base import Request
from longshore.emulator.parts import parts
from longshore.limits import SERVERLESS_MEMORY_MB

# Members of a variant that are about instances.
_OF_INSTANCES = (
    "InstanceType", "InitialInstanceCount", "InstancePools", "AcceleratorType", "VolumeSizeInGB",
    "ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds",
    "ManagedInstanceScaling", "RoutingConfig", "InferenceAmiVersion", "CapacityReservationConfig",
)  # fmt: skip
# Members of the configuration, and of a model, that serverless endpoints have not.
_NOT_WITH_IT = ("VpcConfig", "EnableNetworkIsolation", "DataCaptureConfig", "AsyncInferenceConfig")


def check_serverless(request: Request, variant: dict[str, Any], model: dict[str, Any]) -> None:
    """AwsError where a configuration, its serverless variant or its model asks what SageMaker refuses."""
    config = variant["ServerlessConfig"]
    memory = config["MemorySizeInMB"]
    if memory not in SERVERLESS_MEMORY_MB:
        sizes = ", ".join(map(str, SERVERLESS_MEMORY_MB))
        raise _refused(f"MemorySizeInMB is {memory}, and may be {sizes}")
    check_concurrency(config)
    wrong = [name for name in _OF_INSTANCES if name in variant]
    if wrong:
        raise _refused(f"A variant with a ServerlessConfig has no instances, and no {', '.join(wrong)}")
    if len(request["ProductionVariants"]) > 1:
        raise _refused("A serverless variant is the only one of its endpoint configuration")
    wrong = [name for name in _NOT_WITH_IT if request.get(name) or model.get(name)]
    made_of = parts(model)
    if len(made_of) > 1:
        wrong.append("Containers")
    if any(part.is_multi_model for part in made_of):
        wrong.append("Mode MultiModel")
    if any("ModelDataSource" in part.definition for part in made_of):
        wrong.append("ModelDataSource")
    if wrong:
        raise _refused(f"Serverless endpoints do not support {', '.join(wrong)}")


def _refused(message: str) -> AwsError:
    return AwsError("ValidationException", f"{message} (B7).")
