"""InvokeEndpoint on the emulator: what reaches the container, what reaches the client, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.hosting import Hosting


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


@pytest.fixture(scope="module")
def talks(hosting: Hosting) -> str:
    """An endpoint for those tests that leave it as it is."""
    return hosting.endpoint()


def error_of(call: Any, **arguments: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value


def test_headers_are_stripped_to_those_of_the_contract(hosting: Hosting, talks: str) -> None:
    """A13, A14."""
    sent = {
        "ContentType": "text/csv",
        "Accept": "application/json",
        "CustomAttributes": "a=b",
        "InferenceId": "id-1",
        "TargetVariant": "v1",
        "SessionId": "s",
    }
    told = json.loads(hosting.invoke(talks, "headers", **sent))
    ours = {name: value for name, value in told.items() if name.startswith("X-Amzn-")}
    assert ours == {
        "X-Amzn-SageMaker-Custom-Attributes": "a=b",
        "X-Amzn-SageMaker-Inference-Id": "id-1",
        "X-Amzn-SageMaker-Target-Variant": "v1",
        "X-Amzn-SageMaker-Session-Id": "s",
    }
    assert told["Content-Type"] == "text/csv"
    assert told["Accept"] == "application/json"
    assert "Authorization" not in told
    assert not any(name.startswith("Amz-") for name in told)


def test_headers_of_the_answer_are_stripped_too(hosting: Hosting, talks: str) -> None:
    """A15."""
    answer = hosting.runtime.invoke_endpoint(EndpointName=talks, Body=b"attributes kept")
    assert answer["CustomAttributes"] == "kept"
    assert answer["ContentType"] == "text/odd"
    assert answer["InvokedProductionVariant"] == "v1"
    assert "x-of-its-own" not in answer["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "client"), (422, "client"), (500, "server"), (503, "server")]
)
def test_a_containers_error_is_a_model_error(hosting: Hosting, talks: str, status: int, kind: str) -> None:
    """A16."""
    error = error_of(
        hosting.runtime.invoke_endpoint, EndpointName=talks, Body=f"status {status} no such luck".encode()
    )
    assert isinstance(error, hosting.runtime.exceptions.ModelError)
    told = error.response
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (told["OriginalStatusCode"], told["OriginalMessage"]) == (status, "no such luck")
    assert told["LogStreamArn"].endswith(f":log-group:/aws/sagemaker/Endpoints/{talks}")
    assert told["Error"]["Message"].startswith(
        f'Received {kind} error ({status}) from primary with message "no such luck"'
    )


def test_a_message_is_cut_at_2048_characters(hosting: Hosting, talks: str) -> None:
    error = error_of(hosting.runtime.invoke_endpoint, EndpointName=talks, Body=b"status 500 " + b"x" * 5000)
    assert error.response["OriginalMessage"] == "x" * 2048


def test_a_container_that_hangs_up_is_a_model_error(hosting: Hosting, talks: str) -> None:
    error = error_of(hosting.runtime.invoke_endpoint, EndpointName=talks, Body=b"hang-up")
    assert error.response["Error"]["Code"] == "ModelError"
    assert hosting.invoke(talks, "again") == b"again"


def test_25_mb_are_taken_and_a_byte_more_is_not(hosting: Hosting, talks: str) -> None:
    """A12."""
    body = b"x" * (25 * 2**20)
    assert hosting.invoke(talks, body) == body
    error = error_of(hosting.runtime.invoke_endpoint, EndpointName=talks, Body=body + b"x")
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_header_that_is_too_long_is_refused(hosting: Hosting, talks: str) -> None:
    error = error_of(
        hosting.runtime.invoke_endpoint, EndpointName=talks, Body=b"", CustomAttributes="x" * 1025
    )
    assert error.response["Error"]["Code"] == "ValidationError"
    assert "'customAttributes'" in error.response["Error"]["Message"]


@pytest.mark.parametrize("operation", ["invoke_endpoint", "invoke_endpoint_with_response_stream"])
def test_an_inference_component_is_refused(hosting: Hosting, talks: str, operation: str) -> None:
    call = getattr(hosting.runtime, operation)
    error = error_of(call, EndpointName=talks, Body=b"x", InferenceComponentName="component")
    assert error.response["Error"]["Code"] == "ValidationError"
    assert "leave out InferenceComponentName" in error.response["Error"]["Message"]
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
