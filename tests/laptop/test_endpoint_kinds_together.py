"""Streams and asynchronous invocations of endpoints that are not of one container, and what excludes what."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, image
from tests.support.server import wait_until

BUCKET = "of-kinds-together"
ASYNCHRONOUS = {"OutputConfig": {"S3OutputPath": f"s3://{BUCKET}", "S3FailurePath": f"s3://{BUCKET}/failed"}}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    emulator.put(BUCKET)
    return Hosting(emulator)


def pipeline(hosting: Hosting, **request: Any) -> str:
    """A model of two stages, a and b."""
    name = f"two-stages-{next(_numbers)}"
    stages = [
        {"Image": image("stage"), "Environment": {"STAGE": stage}, "ContainerHostname": f"stage-{stage}"}
        for stage in "ab"
    ]
    hosting.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=stages, **request)
    return name


def stages(answer: bytes) -> list[str]:
    return [one["stage"] for one in json.loads(answer)["way"]]


def test_a_pipelines_last_container_is_streamed(hosting: Hosting) -> None:
    name = hosting.create(hosting.config({"ModelName": pipeline(hosting)}))
    hosting.settled(name)
    stream = hosting.runtime.invoke_endpoint_with_response_stream
    answer = stream(EndpointName=name, Body=b'{"way": []}')
    assert answer["ContentType"] == "application/b"
    assert stages(b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"])) == ["a", "b"]
    for stage in "ab":
        with pytest.raises(hosting.runtime.exceptions.ModelError) as caught:
            stream(EndpointName=name, Body=json.dumps({"way": [], "do": {stage: "fail"}}))
        assert f"(418) from stage-{stage} with message" in caught.value.response["Error"]["Message"]
    hosting.delete(name)


def test_an_asynchronous_invocation_goes_through_a_pipeline(hosting: Hosting) -> None:
    config = hosting.config({"ModelName": pipeline(hosting)}, AsyncInferenceConfig=ASYNCHRONOUS)
    name = hosting.create(config)
    hosting.settled(name)

    def stored(body: Any, place: str) -> bytes:
        told = hosting.runtime.invoke_endpoint_async(EndpointName=name, Body=json.dumps(body))
        key = told[place].removeprefix(f"s3://{BUCKET}/")
        wait_until(lambda: key in hosting.emulator.keys(BUCKET, key), f"{key} is stored")
        return hosting.emulator.get(BUCKET, key)

    assert stages(stored({"way": []}, "OutputLocation")) == ["a", "b"]
    assert stored({"way": [], "do": {"b": "fail"}}, "FailureLocation") == b"b does not like it"
    assert b"closed the connection" in stored({"way": [], "do": {"b": "die"}}, "FailureLocation")
    hosting.delete(name)


def test_a_serverless_endpoint_streams_nothing(hosting: Hosting) -> None:
    name = f"serverless-{next(_numbers)}"
    config = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{"VariantName": "v", "ModelName": hosting.model(), "ServerlessConfig": config}],
    )
    hosting.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    hosting.settled(name)
    with pytest.raises(ClientError, match="is serverless, and streams no answers") as caught:
        hosting.runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"x")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    hosting.delete(name)


def test_direct_invocation_and_asynchronous_endpoints_exclude_each_other(hosting: Hosting) -> None:
    direct = pipeline(hosting, InferenceExecutionConfig={"Mode": "Direct"})
    with pytest.raises(ClientError, match="names neither a model nor a container") as caught:
        hosting.config({"ModelName": direct}, AsyncInferenceConfig=ASYNCHRONOUS)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
