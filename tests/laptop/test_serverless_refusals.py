"""What serverless endpoints cannot be, and which models they do not run (B7)."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, archive, image

SMALL = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
CAPTURE = {
    "InitialSamplingPercentage": 1,
    "DestinationS3Uri": "s3://bucket/",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


@pytest.mark.parametrize(
    ("serverless", "variant", "request_", "message"),
    [
        ({"MemorySizeInMB": 1500}, {}, {}, "MemorySizeInMB is 1500, and may be 1024, 2048"),
        ({"MemorySizeInMB": 7168}, {}, {}, "less than or equal to 6144"),
        ({"MaxConcurrency": 201}, {}, {}, "less than or equal to 200"),
        ({"ProvisionedConcurrency": 3}, {}, {}, "ProvisionedConcurrency is 3"),
        ({}, {"InstanceType": "ml.g5.xlarge"}, {}, "and no InstanceType"),
        ({}, {"InitialInstanceCount": 1}, {}, "and no InitialInstanceCount"),
        ({}, {"AcceleratorType": "ml.eia1.medium"}, {}, "and no AcceleratorType"),
        ({}, {}, {"VpcConfig": VPC}, "do not support VpcConfig"),
        ({}, {}, {"EnableNetworkIsolation": True}, "do not support EnableNetworkIsolation"),
        ({}, {}, {"DataCaptureConfig": CAPTURE}, "do not support DataCaptureConfig"),
    ],
)
def test_what_serverless_cannot_be(
    hosting: Hosting,
    serverless: dict[str, int],
    variant: dict[str, Any],
    request_: dict[str, Any],
    message: str,
) -> None:
    whole = {
        "VariantName": "v1",
        "ModelName": hosting.model(),
        "ServerlessConfig": {**SMALL, **serverless},
        **variant,
    }
    with pytest.raises(ClientError) as caught:
        hosting.unchecked(
            "create_endpoint_config", {"EndpointConfigName": "c", "ProductionVariants": [whole], **request_}
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert message in caught.value.response["Error"]["Message"]


def test_a_serverless_variant_is_alone(hosting: Hosting) -> None:
    model = hosting.model()
    variants = [{"VariantName": name, "ModelName": model, "ServerlessConfig": SMALL} for name in ("v1", "v2")]
    with pytest.raises(ClientError, match="the only one of its endpoint configuration"):
        hosting.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=variants)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"EnableNetworkIsolation": True}, "do not support EnableNetworkIsolation"),
        ({"VpcConfig": VPC}, "do not support VpcConfig"),
        ({"Containers": [{"Image": image("talks")}, {"Image": image("talks")}]}, "do not support Containers"),
        (
            {
                "PrimaryContainer": {
                    "Image": image("talks"), "Mode": "MultiModel", "ModelDataUrl": "s3://of-serverless/"
                }
            },
            "do not support Mode MultiModel",
        ),
    ],
    ids=["isolation", "vpc", "pipeline", "multi-model"],
)  # fmt: skip
def test_which_models_it_does_not_run(
    hosting: Hosting, name: str, model: dict[str, Any], message: str
) -> None:
    hosting.emulator.put("of-serverless", m=archive({}))
    primary = {} if "Containers" in model else {"PrimaryContainer": {"Image": image("talks")}}
    hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **{**primary, **model})
    with pytest.raises(ClientError) as caught:
        hosting.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[{"VariantName": "v1", "ModelName": name, "ServerlessConfig": SMALL}],
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert message in caught.value.response["Error"]["Message"]
