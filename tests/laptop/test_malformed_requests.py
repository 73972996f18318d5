"""Malformed requests to SageMaker's control plane: each is a 400 that says what is wrong, none is a 500."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from longshore.aws import service_model
from longshore.emulator.operations import TABLE, trial_metrics
from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import image
from tests.support.jobs import image as job
from tests.support.server import PATIENCE

ARN = "arn:aws:sagemaker:us-east-1:123456789012:{}/malformed"
# For each text the first that its constraints allow.
TEXTS = [
    *("malformed", "s3://malformed/x", "https://example.com/malformed", image("talks"), ROLE, "{}", "1"),
    *(ARN.format(kind) for kind in ("experiment", "model-package", "model-package-group", "pipeline")),
    *("m" * 32, "0" * 12, "text/csv", "ml.m5.large"),
]
SURROGATE = "half of a surrogate pair \ud800"
MALFORMED: dict[str, list[Any]] = {
    "string": ["", "nul \0", SURROGATE, "x" * 3000, "../../x", 7, True, [], {}],
    "integer": [-1, 0, 2**31, 10**30, 1.5, "1", True],
    "long": [-1, 10**30, 1.5, "x"],
    "float": [-1, 10**400, "x"],
    "double": [-1, 10**400, "x"],
    "boolean": ["true", 1],
    "timestamp": ["yesterday", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:00", -1e300, 1e300, True, {}],
    "list": ["x", {}, [None], [[]], [{}], ["malformed", "malformed"]],
    "map": ["x", [], {"": "x"}, {"malformed": None}, {"malformed": {}}, {"a\0b": "x"}],
    "structure": ["x", [], {}, {"Unknown": 1}, {"_Containers": 1}],
    "blob": [1],
}
DEPTH = 5  # of the members that are malformed


def sample(shape: Any, depth: int = 0) -> Any:
    """A value that a shape allows, with the members that it requires."""
    if shape.type_name == "structure":
        names = shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else [])
        return {name: sample(shape.members[name], depth + 1) for name in names}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1)]
    if shape.type_name == "map":
        return {sample(shape.key): sample(shape.value, depth + 1)}
    if shape.type_name != "string":
        return {"boolean": False, "timestamp": 1.0}.get(shape.type_name, shape.metadata.get("min", 1))
    if shape.enum:
        return shape.enum[0]
    return next((text for text in TEXTS if allowed(shape, text)), "malformed")


def allowed(shape: Any, text: str) -> bool:
    limits: dict[str, Any] = shape.metadata
    fits: bool = limits.get("min", 0) <= len(text) <= limits.get("max", len(text))
    try:
        return fits and re.fullmatch(limits.get("pattern", ".*"), text, re.DOTALL) is not None
    except re.error:
        return fits  # Java's classes, which the emulator does not check either


def mutations(shape: Any, value: Any, depth: int = 0) -> Iterator[Any]:
    """The value with one malformed value in each of its places in turn."""
    yield from MALFORMED.get(shape.type_name, [])
    if depth == DEPTH:
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            for changed in mutations(member, value.get(name, sample(member, depth + 1)), depth + 1):
                yield {**value, name: changed}
    elif shape.type_name == "list" and value:
        for changed in mutations(shape.member, value[0], depth + 1):
            yield [changed]
    elif shape.type_name == "map" and shape.value.type_name != "string":
        for key, item in value.items():
            for changed in mutations(shape.value, item, depth + 1):
                yield {key: changed}


SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sagemaker/aws4_request"


class Wire:
    """One connection to the emulator, for requests as boto3 would not send them."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(emulator.address).netloc, timeout=PATIENCE)

    def ask(self, target: str, body: bytes) -> tuple[int, dict[str, Any]]:
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        return self.send("POST", "/", body, headers)

    def send(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        self._connection.request(method, path, body, headers)
        with self._connection.getresponse() as response:
            return response.status, json.loads(response.read())

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def wire(emulator: EmulatorProcess) -> Iterator[Wire]:
    wire = Wire(emulator)
    yield wire
    wire.close()


# What a valid request needs besides the samples of its required members, by operation.
S3 = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://malformed/in"}}
SPECIFICATION = {"Containers": [{"Image": image("talks")}]}
VARIANT = {
    "VariantName": "v",
    "ModelName": "malformed",
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
}
PACKAGE = ARN.format("model-package") + "/1"
VALID: dict[str, dict[str, Any]] = {
    "CreateModel": {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": image("talks")}},
    "CreateModelPackage": {
        "ModelPackageGroupName": "malformed",
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": SPECIFICATION,
    },
    "DescribeModelPackage": {"ModelPackageName": PACKAGE},
    "DeleteModelPackage": {"ModelPackageName": PACKAGE},
    "UpdateModelPackage": {"ModelPackageArn": PACKAGE},
    "CreateEndpointConfig": {"ProductionVariants": [VARIANT]},
    "CreateModelCard": {"Content": "{}"},
    "UpdateModelCard": {"Content": "{}"},
    "CreatePipeline": {"PipelineDefinition": "{}", "RoleArn": ROLE},
    "UpdatePipeline": {"PipelineDefinition": "{}", "RoleArn": ROLE},
    "CreateTrainingJob": {
        "AlgorithmSpecification": {"TrainingImage": job("tells_what_it_got.py"), "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "InputDataConfig": [{"ChannelName": "in", "DataSource": S3}],
        "OutputDataConfig": {"S3OutputPath": "s3://malformed/out"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "ExperimentConfig": {"ExperimentName": "malformed"},
    },
    "CreateTransformJob": {
        "TransformInput": {"DataSource": S3},
        "TransformOutput": {"S3OutputPath": "s3://malformed/out"},
    },
    "CreateProcessingJob": {
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": job("tells_what_it_got.py")},
        "ProcessingInputs": [
            {
                "InputName": "in",
                "S3Input": {
                    "S3Uri": "s3://malformed/in",
                    "LocalPath": "/opt/ml/processing/in",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
    },
}
# Those that need others come after them.
FIRST = ("CreateModelPackageGroup", "CreateExperiment", "CreateTrial", "CreateModel", "CreateEndpointConfig")


@pytest.fixture(scope="module")
def created(emulator: EmulatorProcess, wire: Wire) -> None:
    """A record of each kind, called 'malformed'."""
    emulator.put("malformed", **{"in/a": b"1"})
    for operation in (*FIRST, *sorted(TABLE.keys() - {*FIRST})):
        if operation.startswith("Create"):
            status, answer = wire.ask(f"SageMaker.{operation}", json.dumps(request_of(operation)).encode())
            assert status == 200, (operation, answer)


def request_of(operation: str) -> dict[str, Any]:
    """A valid request."""
    shape = service_model("sagemaker").operation_model(operation).input_shape
    request: dict[str, Any] = {**sample(shape), **VALID.get(operation, {})}
    return request


# Those that delete come last, because the others need what they delete.
@pytest.mark.parametrize("operation", sorted(TABLE, key=lambda name: (str(name).startswith("Delete"), name)))
def test_malformed_values_never_cause_a_500(created: None, wire: Wire, operation: str) -> None:
    shape = service_model("sagemaker").operation_model(operation).input_shape
    for request in mutations(shape, request_of(operation)):
        status, answer = wire.ask(f"SageMaker.{operation}", json.dumps(request).encode())
        assert status in (200, 400, 501), (request, answer)
        assert status == 200 or (answer["__type"] and answer["message"]), (request, answer)


@pytest.mark.parametrize(("method", "path"), trial_metrics.HANDLERS)
def test_malformed_metrics_never_cause_a_500(created: None, wire: Wire, method: str, path: str) -> None:
    operation = service_model("sagemaker-metrics").operation_model(path.removeprefix("/"))
    for request in mutations(operation.input_shape, sample(operation.input_shape)):
        body = json.dumps(request).encode()
        status, answer = wire.send(method, path, body, {"Authorization": SIGNED})
        assert status in (200, 400), (request, answer)
    component = {"TrialComponentName": "malformed"}
    status, _ = wire.ask("SageMaker.DescribeTrialComponent", json.dumps(component).encode())
    assert status == 200


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    "target",
    [
        "SageMaker.",
        "SageMaker.Nothing",
        "sagemaker.ListModels",
        "SAGEMAKER.ListModels",
        "SageMaker.ListModels ",
    ],
)
def test_unknown_targets_are_a_400(emulator: EmulatorProcess, target: str, signed: bool) -> None:
    answer = post(emulator, b"{}", {"X-Amz-Target": target, **({"Authorization": SIGNED} if signed else {})})
    assert answer[0] == (400 if target.strip() == target else 200)
    if answer[0] == 400:
        assert answer[1]["__type"] == "UnknownOperationException"


@pytest.mark.parametrize(
    "headers", [{}, {"X-Amz-Target": ""}, {"X-Amz-Target": "DynamoDB_20120810.ListTables"}]
)
def test_signed_requests_without_a_target_of_sagemaker_are_a_400(
    emulator: EmulatorProcess, headers: dict[str, str]
) -> None:
    status, answer = post(emulator, b"{}", {**headers, "Authorization": SIGNED})
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize("path", ["/FeatureGroup/x", "/human-loops", "/BatchPutMetrics"])
def test_services_of_sagemaker_that_are_not_emulated(emulator: EmulatorProcess, path: str) -> None:
    status, answer = post(emulator, b"{}", {"Authorization": SIGNED}, path)
    assert (status, answer["__type"]) == (501, "NotImplemented")
    assert f"does not know POST {path}" in answer["message"]


def deep(levels: int) -> bytes:
    """A search whose expressions lie in each other."""
    opened = b'{"SubExpressions": [' * levels
    return b'{"Resource": "TrainingJob", "SearchExpression": ' + opened + b"]}" * levels + b"}"


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"[]", b"\xff", b"null", b'{"MaxResults": NaN}', b'{"CreationTimeAfter": Infinity}'),
        *(deep(60), deep(100_000), b"[" * 1_000_000),
        b'{"NextToken": "%s"}' % (b"9" * 100_000),
        b'{"MaxResults": %s}' % (b"9" * 100_000),
    ],
)
def test_unreadable_bodies_are_a_400(emulator: EmulatorProcess, body: bytes) -> None:
    operation = "Search" if b"Search" in body else "ListModels"
    status, answer = post(emulator, body, {"X-Amz-Target": f"SageMaker.{operation}"})
    assert (status, answer["__type"]) in ((400, "SerializationException"), (400, "ValidationException"))
    assert answer["message"]


@pytest.mark.parametrize("chunks", [b"x\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n"])
def test_malformed_chunks_are_a_400(emulator: EmulatorProcess, chunks: bytes) -> None:
    place = urlsplit(emulator.address)
    with socket.create_connection((str(place.hostname), int(place.port or 0)), PATIENCE) as connection:
        head = f"POST / HTTP/1.1\r\nHost: {place.netloc}\r\nX-Amz-Target: SageMaker.ListModels\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 400
        assert json.loads(response.read())["message"]


def test_filters_accept_times_in_iso_8601(emulator: EmulatorProcess, wire: Wire, created: None) -> None:
    def listed(**times: Any) -> list[str]:
        request = {"NameContains": "malformed", **times}
        status, answer = wire.ask("SageMaker.ListModels", json.dumps(request).encode())
        assert status == 200, answer
        return [model["ModelName"] for model in answer["Models"]]

    assert listed(CreationTimeAfter="2020-01-01T00:00:00Z") == ["malformed"]
    assert listed(CreationTimeBefore="2020-01-01") == []
    assert listed(CreationTimeAfter="1577836800") == ["malformed"]


def post(
    emulator: EmulatorProcess, body: bytes, headers: dict[str, str], path: str = "/"
) -> tuple[int, dict[str, Any]]:
    answer = requests.post(emulator.address + path, data=body, headers=headers, timeout=PATIENCE)
    return answer.status_code, answer.json()
