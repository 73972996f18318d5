"""Asynchronous endpoints on the emulator (B6): from InvokeEndpointAsync to the object in S3."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.asynchronous import BUCKET, Asynchronous
from tests.support.emulator import EmulatorProcess
from tests.support.server import wait_until


@pytest.fixture(scope="module")
def asynchronous(emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory) -> Asynchronous:
    return Asynchronous(emulator, tmp_path_factory.mktemp("gates"))


@pytest.fixture(scope="module")
def waits(asynchronous: Asynchronous) -> str:
    """An endpoint for those tests that leave it as it is."""
    return asynchronous.endpoint(4)


def error_of(call: Any, **arguments: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value


def test_the_answer_comes_to_the_place_that_was_told(asynchronous: Asynchronous, waits: str) -> None:
    gate = asynchronous.name()
    told = asynchronous.invoke(waits, gate, InferenceId="id-1")
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert told["InferenceId"] == "id-1"
    assert told["OutputLocation"] == f"s3://{BUCKET}/out/id-1.out"
    assert told["FailureLocation"] == f"s3://{BUCKET}/failed/id-1-error.out"
    asynchronous.wait_begun(gate)
    assert asynchronous.emulator.keys(BUCKET, "out/id-1") == []
    asynchronous.open(gate)
    assert asynchronous.stored(told["OutputLocation"]) == f"done {gate}".encode()
    head = asynchronous.emulator.client("s3").head_object(Bucket=BUCKET, Key="out/id-1.out")
    assert head["ContentType"] == "text/plain"
    assert asynchronous.emulator.keys(BUCKET, "failed/id-1") == []


def test_a_file_name_and_an_extension_of_the_path(asynchronous: Asynchronous, waits: str) -> None:
    told = asynchronous.invoke(
        waits, "headers", S3OutputPathExtension="of/mine", Filename="answer.json", InferenceId="id-2"
    )
    assert told["OutputLocation"] == f"s3://{BUCKET}/out/of/mine/answer.json"
    assert told["FailureLocation"] == f"s3://{BUCKET}/failed/of/mine/answer.json-error.out"
    assert json.loads(asynchronous.stored(told["OutputLocation"]))


def test_the_container_gets_the_headers_of_the_contract(asynchronous: Asynchronous, waits: str) -> None:
    """A14; the input may be in the request, too."""
    told = asynchronous.hosting.runtime.invoke_endpoint_async(
        EndpointName=waits, Body=b"headers", ContentType="text/csv", Accept="text/odd", CustomAttributes="a=b"
    )
    got = json.loads(asynchronous.stored(told["OutputLocation"]))
    assert got["Content-Type"] == "text/csv"
    assert got["Accept"] == "text/odd"
    assert {name: value for name, value in got.items() if name.startswith("X-")} == {
        "X-Amzn-SageMaker-Custom-Attributes": "a=b",
        "X-Amzn-SageMaker-Inference-Id": told["InferenceId"],
    }


def test_an_input_may_be_larger_than_real_time_takes(asynchronous: Asynchronous, waits: str) -> None:
    """A12."""
    size = 40 * 2**20
    told = asynchronous.invoke(waits, "x" * size)
    assert asynchronous.stored(told["OutputLocation"]) == str(size).encode()


def test_a_containers_error_is_stored_with_its_body(asynchronous: Asynchronous, waits: str) -> None:
    told = asynchronous.invoke(waits, "status 422 no such luck")
    assert asynchronous.stored(told["FailureLocation"]) == b"no such luck"
    key = told["FailureLocation"].removeprefix(f"s3://{BUCKET}/")
    head = asynchronous.emulator.client("s3").head_object(Bucket=BUCKET, Key=key)
    assert head["ContentType"] == "text/of-the-model"
    lines = asynchronous.emulator.log_lines(f"/aws/sagemaker/Endpoints/{waits}", "v1/i-")
    data_log = [line for stream, kept in lines.items() if stream.endswith("/data-log") for line in kept]
    expected = f'[{told["InferenceId"]}] Received client error (422) from primary with message "no such luck"'
    assert any(expected in line for line in data_log)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (f"s3://{BUCKET}/nothing", f"There is no S3 object s3://{BUCKET}/nothing."),
        ("s3://no-such-bucket/x", "There is no S3 object s3://no-such-bucket/x."),
    ],
)
def test_an_input_that_is_not_there_is_a_failure(
    asynchronous: Asynchronous, waits: str, location: str, reason: str
) -> None:
    told = asynchronous.hosting.runtime.invoke_endpoint_async(EndpointName=waits, InputLocation=location)
    assert asynchronous.stored(told["FailureLocation"]).decode() == (
        f"ClientError: Data download failed: {reason}"
    )


def test_an_answer_without_its_length_is_a_failure(asynchronous: Asynchronous, waits: str) -> None:
    told = asynchronous.invoke(waits, "chunked")
    assert b"did not specify the required Content-Length" in asynchronous.stored(told["FailureLocation"])


def test_what_takes_too_long_is_a_failure(asynchronous: Asynchronous, waits: str) -> None:
    told = asynchronous.invoke(waits, asynchronous.name(), InvocationTimeoutSeconds=1)
    assert b"it had 1 s (InvocationTimeoutSeconds)" in asynchronous.stored(told["FailureLocation"])


def test_first_come_first_served_and_no_more_at_once_than_configured(asynchronous: Asynchronous) -> None:
    name = asynchronous.endpoint(2)
    gates = [asynchronous.name() for _ in range(5)]
    told = [asynchronous.invoke(name, gate) for gate in gates]

    def ours() -> list[str]:
        return [gate for gate in asynchronous.began() if gate in gates]

    wait_until(lambda: len(ours()) == 2, "two begin")
    for number, gate in enumerate(gates):
        assert set(ours()) == set(gates[: number + 2])
        asynchronous.open(gate)
        asynchronous.stored(told[number]["OutputLocation"])
        wait_until(lambda number=number: len(ours()) >= min(number + 3, 5), "the next one begins")
    asynchronous.hosting.delete(name)


def test_each_instance_gets_as_many(asynchronous: Asynchronous) -> None:
    name = asynchronous.endpoint(1, instances=2)
    gates = [asynchronous.name() for _ in range(3)]
    for gate in gates:
        asynchronous.invoke(name, gate)
    assert asynchronous.wait_begun(gates[0]) != asynchronous.wait_begun(gates[1])
    assert gates[2] not in asynchronous.began()
    asynchronous.open(gates[1])
    asynchronous.wait_begun(gates[2])
    for gate in gates:
        asynchronous.open(gate)
    asynchronous.hosting.delete(name)


def test_a_container_that_dies_fails_what_it_had_and_the_rest_goes_on(asynchronous: Asynchronous) -> None:
    name = asynchronous.endpoint(1)
    first, second = asynchronous.name(), asynchronous.name()
    had, waiting = asynchronous.invoke(name, first), asynchronous.invoke(name, second)
    os.kill(asynchronous.wait_begun(first), signal.SIGKILL)
    assert b"closed the connection before it had answered" in asynchronous.stored(had["FailureLocation"])
    asynchronous.open(second)
    assert asynchronous.stored(waiting["OutputLocation"]) == f"done {second}".encode()
    asynchronous.hosting.delete(name)


def test_an_update_goes_on_with_what_waits_and_ends_what_runs(asynchronous: Asynchronous) -> None:
    name = asynchronous.endpoint(1)
    first, second = asynchronous.name(), asynchronous.name()
    runs, waiting = asynchronous.invoke(name, first), asynchronous.invoke(name, second)
    old = asynchronous.wait_begun(first)
    asynchronous.hosting.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=asynchronous.config(1, S3OutputPath=f"s3://{BUCKET}/other")
    )
    asynchronous.hosting.settled(name)
    assert asynchronous.wait_begun(second) != old
    for gate in (second, first):
        asynchronous.open(gate)
    assert asynchronous.stored(runs["OutputLocation"]) == f"done {first}".encode()
    assert asynchronous.stored(waiting["OutputLocation"]) == f"done {second}".encode()
    assert "/other/" in asynchronous.invoke(name, "headers")["OutputLocation"]
    asynchronous.hosting.delete(name)


def test_what_waits_for_an_endpoint_that_is_deleted_is_failed(asynchronous: Asynchronous) -> None:
    name = asynchronous.endpoint(1)
    first, second = asynchronous.name(), asynchronous.name()
    runs, waiting = asynchronous.invoke(name, first), asynchronous.invoke(name, second)
    asynchronous.wait_begun(first)
    asynchronous.hosting.sagemaker.delete_endpoint(EndpointName=name)
    assert b"The endpoint was deleted" in asynchronous.stored(waiting["FailureLocation"])
    error = error_of(
        asynchronous.hosting.runtime.invoke_endpoint_async, EndpointName=name, InputLocation="s3://b/k"
    )
    assert "it is Deleting" in str(error)
    asynchronous.open(first)
    assert asynchronous.stored(runs["OutputLocation"]) == f"done {first}".encode()
    wait_until(lambda: name not in asynchronous.hosting.names(), "it goes")


def test_the_length_of_the_queue_is_a_metric(asynchronous: Asynchronous) -> None:
    name = asynchronous.endpoint(1)
    gate = asynchronous.name()
    asynchronous.invoke(name, gate)
    cloudwatch = asynchronous.emulator.client("cloudwatch")

    def maximum() -> float:
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="ApproximateBacklogSize",
            Dimensions=[{"Name": "EndpointName", "Value": name}],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 3600,
            Period=7200,
            Statistics=["Maximum"],
        )
        return max((point["Maximum"] for point in found["Datapoints"]), default=0.0)

    wait_until(lambda: maximum() == 1.0, "the queue's length is measured")
    asynchronous.open(gate)
    asynchronous.hosting.delete(name)


def test_each_kind_of_endpoint_refuses_the_other_kind_of_call(asynchronous: Asynchronous, waits: str) -> None:
    runtime = asynchronous.hosting.runtime
    for call in (runtime.invoke_endpoint, runtime.invoke_endpoint_with_response_stream):
        error = error_of(call, EndpointName=waits, Body=b"x").response["Error"]
        assert error["Code"] == "ValidationError"
        assert error["Message"].endswith("is asynchronous: call InvokeEndpointAsync.")
    plain = asynchronous.hosting.endpoint()
    error = error_of(runtime.invoke_endpoint_async, EndpointName=plain, InputLocation="s3://b/k")
    assert error.response["Error"]["Code"] == "ValidationError"
    assert error.response["Error"]["Message"].endswith("is not asynchronous: call InvokeEndpoint.")
    asynchronous.hosting.delete(plain)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"RequestTTLSeconds": 59}, "'requestTTLSeconds' failed to satisfy constraint"),
        ({"InvocationTimeoutSeconds": 3601}, "'invocationTimeoutSeconds' failed to satisfy constraint"),
        ({"RequestTTLSeconds": "9" * 5000}, "which is no whole number"),
        ({"Filename": "a.b.c"}, "'filename' failed to satisfy constraint"),
        ({"S3OutputPathExtension": "s3://b"}, "'s3OutputPathExtension' failed to satisfy constraint"),
        ({"Body": b"x"}, "either an InputLocation or a Body"),
        ({"InputLocation": "https://b.s3.amazonaws.com/k"}, "is no S3 URI"),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    asynchronous: Asynchronous, waits: str, arguments: dict[str, Any], told: str
) -> None:
    error = error_of(
        asynchronous.hosting.unchecked,
        operation="invoke_endpoint_async",
        request={"EndpointName": waits, "InputLocation": "s3://b/k", **arguments},
        service="sagemaker-runtime",
    )
    assert error.response["Error"]["Code"] == "ValidationError"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert told in error.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ({"S3OutputPath": "s3://no-such-bucket/out"}, 'the S3 bucket "no-such-bucket" does not exist'),
        ({"S3FailurePath": "s3://no-such-bucket/"}, 'S3FailurePath: the S3 bucket "no-such-bucket"'),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(
    asynchronous: Asynchronous, output: dict[str, Any], told: str
) -> None:
    with pytest.raises(ClientError) as caught:
        asynchronous.config(**output)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert told in caught.value.response["Error"]["Message"]


def test_describe_tells_how_it_is_configured(asynchronous: Asynchronous, waits: str) -> None:
    told = asynchronous.hosting.described(waits)["AsyncInferenceConfig"]
    assert told["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 4}
    assert told["OutputConfig"]["S3OutputPath"] == f"s3://{BUCKET}/out"
