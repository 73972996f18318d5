"""Models of several containers on the emulator: serial pipelines and direct invocation (B5)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from longshore.engines.host import HostEngine
from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, image
from tests.support.programs import runs
from tests.support.server import wait_until

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


@pytest.fixture(scope="module")
def serial(hosting: Hosting) -> Iterator[str]:
    """An endpoint of three stages, for those tests that leave it as it is."""
    name = endpoint(hosting, stage("a"), stage("b"), stage("c"))
    yield name
    hosting.delete(name)


@pytest.fixture(scope="module")
def direct(hosting: Hosting) -> Iterator[str]:
    stages = [stage("a", ContainerHostname="first"), stage("b", ContainerHostname="second")]
    name = endpoint(hosting, *stages, InferenceExecutionConfig={"Mode": "Direct"})
    yield name
    hosting.delete(name)


def stage(name: str, **container: Any) -> dict[str, Any]:
    return {"Image": image("stage"), "Environment": {"STAGE": name}, **container}


def model(hosting: Hosting, *containers: dict[str, Any], **request: Any) -> str:
    name = f"pipeline-{next(_numbers)}"
    hosting.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, Containers=list(containers), **request
    )
    return name


def endpoint(hosting: Hosting, *containers: dict[str, Any], **request: Any) -> str:
    name = hosting.create(hosting.config({"ModelName": model(hosting, *containers, **request)}))
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "InService", described
    return name


def way(hosting: Hosting, name: str, **arguments: Any) -> list[dict[str, Any]]:
    """Through which stages a request went."""
    told: list[dict[str, Any]] = json.loads(hosting.invoke(name, '{"way": []}', **arguments))["way"]
    return told


def refused(call: Any, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    told: dict[str, Any] = caught.value.response
    return told


def test_what_one_container_answers_is_the_next_ones_request(hosting: Hosting, serial: str) -> None:
    through = way(hosting, serial, ContentType="text/first", CustomAttributes="of the caller")
    assert [one["stage"] for one in through] == ["a", "b", "c"]
    assert [one["type"] for one in through] == ["text/first", "application/a", "application/b"]
    assert {one["attributes"] for one in through} == {"of the caller"}
    answer = hosting.runtime.invoke_endpoint(EndpointName=serial, Body=b'{"way": []}')
    assert answer["ContentType"] == "application/c"


def test_each_container_has_a_port_of_its_own(hosting: Hosting, serial: str) -> None:
    """A7."""
    through = way(hosting, serial)
    assert len({one["port"] for one in through}) == 3
    ranges = [tuple(map(int, one["safe"].split("-"))) for one in through]
    assert all(first <= last for first, last in ranges)
    assert len(set(ranges)) == 3


def test_an_error_of_any_container_ends_it(hosting: Hosting, serial: str) -> None:
    told = refused(
        hosting.runtime.invoke_endpoint, EndpointName=serial, Body=b'{"way": [], "do": {"b": "fail"}}'
    )
    assert told["Error"]["Code"] == "ModelError"
    assert (told["OriginalStatusCode"], told["OriginalMessage"]) == (418, "b does not like it")
    assert 'Received client error (418) from container-2 with message "b' in told["Error"]["Message"]


def test_each_container_has_a_log_stream(hosting: Hosting, serial: str) -> None:
    way(hosting, serial)

    def streams() -> dict[str, list[str]]:
        return hosting.emulator.log_lines(f"/aws/sagemaker/Endpoints/{serial}", "v1/i-")

    def all_there() -> bool:
        said = {stream.rpartition("/")[2]: lines for stream, lines in streams().items()}
        return said == {f"container-{number}": [f"{name} listens"] for number, name in enumerate("abc", 1)}

    wait_until(all_there, "all have said what they say")


def test_it_is_described_with_all_its_images(hosting: Hosting, serial: str) -> None:
    (variant,) = hosting.described(serial)["ProductionVariants"]
    assert len(variant["DeployedImages"]) == 3


def test_containers_live_and_die_together(hosting: Hosting) -> None:
    name = endpoint(hosting, stage("a"), stage("b"))
    before = [one["pid"] for one in way(hosting, name)]
    told = refused(
        hosting.runtime.invoke_endpoint, EndpointName=name, Body=b'{"way": [], "do": {"b": "die"}}'
    )
    assert told["Error"]["Code"] == "ModelError"

    def again() -> list[int] | None:
        try:
            return [one["pid"] for one in way(hosting, name)]
        except hosting.runtime.exceptions.ServiceUnavailable:
            return None

    after = wait_until(again, "others answer")
    assert not set(before) & set(after)
    assert not any(runs(pid) for pid in before)
    hosting.delete(name)
    assert not any(runs(pid) for pid in after)


def test_one_container_that_ends_fails_the_endpoint(hosting: Hosting) -> None:
    broken = stage("b", Environment={"STAGE": "b", "NEVER": "1"})
    config = hosting.config({"ModelName": model(hosting, stage("a"), broken)})
    name = hosting.create(config)
    described = hosting.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert (
        "The container-2 container for production variant v1 ended with exit code 4"
        in (described["FailureReason"])
    )
    hosting.delete(name)


def test_a_container_is_invoked_directly(hosting: Hosting, direct: str) -> None:
    (one,) = way(hosting, direct, TargetContainerHostname="second")
    assert one["stage"] == "b"
    if HostEngine().has_namespaces():
        assert one["host"] == ["second", "second"]
    (one,) = way(hosting, direct, TargetContainerHostname="first")
    assert one["stage"] == "a"
    told = refused(
        hosting.runtime.invoke_endpoint,
        EndpointName=direct,
        TargetContainerHostname="second",
        Body=b'{"way": [], "do": {"b": "fail"}}',
    )
    assert "from second with message" in told["Error"]["Message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "is configured for direct invocation: name one"),
        ({"TargetContainerHostname": "third"}, "has no container third"),
        (
            {"TargetContainerHostname": "first", "TargetModel": "m"},
            "is not a multi-model endpoint and does not support target model header",
        ),
    ],
    ids=["none", "unknown", "model"],
)
def test_what_direct_invocation_wants_named(
    hosting: Hosting, direct: str, arguments: dict[str, str], message: str
) -> None:
    told = refused(hosting.runtime.invoke_endpoint, EndpointName=direct, Body=b"{}", **arguments)
    assert told["Error"]["Code"] == "ValidationError"
    assert message in told["Error"]["Message"]


def test_a_pipeline_is_not_invoked_directly(hosting: Hosting, serial: str) -> None:
    told = refused(
        hosting.runtime.invoke_endpoint, EndpointName=serial, Body=b"{}", TargetContainerHostname="a"
    )
    assert told["Error"]["Code"] == "ValidationError"
    assert "is not configured for direct invocation" in told["Error"]["Message"]


@pytest.mark.parametrize(
    ("containers", "mode", "message"),
    [
        ([stage("a")], "Direct", "Direct invocation is for models of several Containers"),
        ([stage("a"), stage("b")], "Direct", "Each container needs a ContainerHostname"),
        ([stage("a", ContainerHostname="x"), stage("b")], "Serial", "Each container needs"),
        ([stage("a", ContainerHostname="x"), stage("b", ContainerHostname="x")], "Direct", "once"),
        ([stage("a", Mode="MultiModel"), stage("b", Mode="MultiModel")], "Serial", "More than one"),
    ],
    ids=["one", "direct-without-names", "one-named", "twice", "multi-model"],
)
def test_containers_that_cannot_be_together(
    hosting: Hosting, containers: list[Any], mode: str, message: str
) -> None:
    told = refused(
        hosting.sagemaker.create_model,
        ModelName="m",
        ExecutionRoleArn=ROLE,
        Containers=containers,
        InferenceExecutionConfig={"Mode": mode},
    )
    assert told["Error"]["Code"] == "ValidationException"
    assert message in told["Error"]["Message"]


def test_a_transform_job_goes_through_all_containers(hosting: Hosting, name: str) -> None:
    hosting.emulator.put(name, **{"in/x": b'{"way": []}'})
    create(hosting, name, model(hosting, stage("a"), stage("b")))
    job = hosting.emulator.ended("Transform", name)
    assert job["TransformJobStatus"] == "Completed", job
    told = json.loads(hosting.emulator.get(name, "out/x.out"))
    assert [(one["stage"], one["type"]) for one in told["way"]] == [("a", "text/x"), ("b", "application/a")]
    assert len({one["port"] for one in told["way"]}) == 2


def test_a_transform_job_has_no_direct_invocation(hosting: Hosting, name: str) -> None:
    stages = [stage("a", ContainerHostname="first"), stage("b", ContainerHostname="second")]
    made = model(hosting, *stages, InferenceExecutionConfig={"Mode": "Direct"})
    with pytest.raises(ClientError, match="Batch transform runs neither"):
        create(hosting, name, made)


def create(hosting: Hosting, name: str, model: str) -> None:
    hosting.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{name}/in/"}},
            "ContentType": "text/x",
        },
        TransformOutput={"S3OutputPath": f"s3://{name}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
