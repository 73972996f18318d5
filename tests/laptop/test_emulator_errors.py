"""What the emulator answers to requests that cannot be: AWS's codes and statuses, in sentences that help."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, image
from tests.support.server import PATIENCE, wait_until

VARIANT = {"VariantName": "v", "ModelName": "there", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
CONTAINER = {"Image": image("talks")}
SHAP = {"ShapBaselineConfig": {"ShapBaseline": "1,2"}}
NOT_FOUND = 'Could not find {} "arn:aws:sagemaker:us-east-1:123456789012:{}/none".'
TAGGED = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/none"


@pytest.fixture(scope="module")
def hosting(emulator: EmulatorProcess) -> Hosting:
    """With a model, a configuration and an endpoint, each called 'there', and a bucket 'there-is-one'."""
    hosting = Hosting(emulator)
    emulator.client("s3").create_bucket(Bucket="there-is-one")
    hosting.sagemaker.create_model(ModelName="there", ExecutionRoleArn=ROLE, PrimaryContainer=CONTAINER)
    hosting.sagemaker.create_endpoint_config(EndpointConfigName="there", ProductionVariants=[VARIANT])
    hosting.sagemaker.create_endpoint(EndpointName="there", EndpointConfigName="there")
    wait_until(lambda: hosting.described("there")["EndpointStatus"] == "InService", "the endpoint is there")
    return hosting


def model(**changes: Any) -> dict[str, Any]:
    return {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": CONTAINER, **changes}


def config(**changes: Any) -> dict[str, Any]:
    return {"EndpointConfigName": "c", "ProductionVariants": [{**VARIANT, **changes}]}


def endpoint(config: str) -> dict[str, Any]:
    return {"EndpointName": "none", "EndpointConfigName": config}


def container(**changes: Any) -> dict[str, Any]:
    return model(PrimaryContainer={**CONTAINER, **changes})


CASES: list[tuple[str, dict[str, Any], str]] = [
    # names that are not there
    ("describe_model", {"ModelName": "none"}, NOT_FOUND.format("model", "model")),
    ("delete_model", {"ModelName": "none"}, NOT_FOUND.format("model", "model")),
    ("describe_endpoint", {"EndpointName": "none"}, NOT_FOUND.format("endpoint", "endpoint")),
    ("delete_endpoint", {"EndpointName": "none"}, NOT_FOUND.format("endpoint", "endpoint")),
    ("update_endpoint", endpoint("there"), NOT_FOUND.format("endpoint", "endpoint")),
    ("describe_endpoint_config", {"EndpointConfigName": "none"}, "Could not find endpoint config"),
    ("delete_endpoint_config", {"EndpointConfigName": "none"}, "Could not find endpoint config"),
    ("create_endpoint_config", config(ModelName="none"), NOT_FOUND.format("model", "model")),
    ("create_endpoint", endpoint("none"), "Could not find endpoint configuration"),
    ("list_tags", {"ResourceArn": TAGGED}, NOT_FOUND.format("endpoint", "endpoint")),
    ("delete_tags", {"ResourceArn": TAGGED, "TagKeys": ["a"]}, NOT_FOUND.format("endpoint", "endpoint")),
    (
        "add_tags",
        {"ResourceArn": TAGGED, "Tags": [{"Key": "a", "Value": ""}]},
        NOT_FOUND.format("endpoint", "endpoint"),
    ),
    ("describe_training_job", {"TrainingJobName": "none"}, "Requested resource not found."),
    (
        "describe_processing_job",
        {"ProcessingJobName": "none"},
        "Could not find requested job with name: none",
    ),
    ("stop_transform_job", {"TransformJobName": "none"}, "Could not find requested job with name: none"),
    ("describe_model_package_group", {"ModelPackageGroupName": "none"}, "does not exist"),
    ("describe_model_package", {"ModelPackageName": "none"}, "model-package/none does not exist"),
    ("describe_code_repository", {"CodeRepositoryName": "none"}, "Cannot find CodeRepository"),
    # names that are taken
    ("create_model", model(ModelName="there"), "Cannot create already existing model"),
    ("create_endpoint_config", {**config(), "EndpointConfigName": "there"}, "already existing"),
    ("create_endpoint", {"EndpointName": "there", "EndpointConfigName": "there"}, "already existing"),
    # what is needed and not there
    ("create_model", model(ExecutionRoleArn=ROLE + "-none"), "Could not assume role"),
    (
        "create_model",
        container(Image="host:/no/such/folder"),
        "Requested image host:/no/such/folder not found",
    ),
    ("create_model", container(ModelDataUrl="s3://no-bucket-of-this-name/m"), "There is no bucket"),
    (
        "create_model",
        container(ModelDataUrl="s3://there-is-one/m"),
        "Could not find model data at s3://there-is-one/m",
    ),
    # what nothing runs for
    (
        "create_endpoint_config",
        {**config(), "ShadowProductionVariants": [{**VARIANT, "VariantName": "shadow"}]},
        "This emulator does not run ShadowProductionVariants",
    ),
    (
        "create_endpoint_config",
        {**config(), "ExplainerConfig": {"ClarifyExplainerConfig": {"ShapConfig": SHAP}}},
        "This emulator does not run ExplainerConfig",
    ),
    # malformed requests
    (
        "create_model",
        model(ModelName="a_b"),
        "'modelName' failed to satisfy constraint: Member must satisfy regular expression",
    ),
    ("create_model", model(ModelName="a" * 64), "Member must have length less than or equal to 63"),
    ("create_model", {"ModelName": "m", "ExecutionRoleArn": ROLE}, "PrimaryContainer"),
    ("create_model", model(Containers=[CONTAINER]), "not both"),
    ("create_model", container(Environment={"1-bad": "x"}), "Map keys must satisfy constraint"),
    ("create_model", container(Environment={"A": "x" * 1025}), "Map value must satisfy constraint"),
    ("create_model", container(Environment={f"A{n}": "x" * 1000 for n in range(40)}), "A6"),
    ("create_endpoint_config", config(InstanceType="ml.none"), "'productionVariants.1.member.instanceType'"),
    ("create_endpoint_config", config(InitialInstanceCount=0), "greater than or equal to 1"),
    (
        "create_endpoint_config",
        config(ContainerStartupHealthCheckTimeoutInSeconds=10),
        "greater than or equal to 60",
    ),
    ("create_endpoint_config", {**config(), "ProductionVariants": [VARIANT, VARIANT]}, "unique"),
    ("list_endpoints", {"NextToken": "???"}, "pagination"),
    ("list_endpoints", {"StatusEquals": "Odd"}, "Member must satisfy enum value set"),
    (
        "add_tags",
        {"ResourceArn": ROLE, "Tags": [{"Key": "", "Value": ""}]},
        "length greater than or equal to 1",
    ),
]


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    CASES,
    ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)],
)
def test_the_control_plane(hosting: Hosting, operation: str, request_: Any, message: str) -> None:
    with pytest.raises(ClientError) as caught:
        # What botocore would refuse by itself is to reach the emulator.
        hosting.unchecked(operation, request_)
    told = caught.value.response
    assert told["Error"]["Code"] == "ValidationException"
    assert message in told["Error"]["Message"]
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("describe_experiment", {"ExperimentName": "none"}),
        ("delete_trial", {"TrialName": "none"}),
        ("update_trial_component", {"TrialComponentName": "none"}),
        ("create_trial", {"TrialName": "new", "ExperimentName": "none"}),
        ("list_trial_components", {"TrialName": "none"}),
        ("describe_pipeline", {"PipelineName": "none"}),
        ("describe_model_card", {"ModelCardName": "none"}),
    ],
)
def test_missing_records_that_are_a_resource_not_found(
    hosting: Hosting, operation: str, request_: Any
) -> None:
    with pytest.raises(hosting.sagemaker.exceptions.ResourceNotFound, match="none' does not exist"):
        getattr(hosting.sagemaker, operation)(**request_)


SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sagemaker/aws4_request"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/endpoints/there/nothing", {}),
        ("POST", "/endpoints/there/invocations/more", {}),
        ("POST", "/endpoints/there/nothing", SIGNED),
        ("POST", "/endpoints/there/nothing?a=b", SIGNED),
        ("GET", "/endpoints/there/invocations", SIGNED),
    ],
)
def test_a_path_of_an_endpoint_that_nobody_answers(
    hosting: Hosting, method: str, path: str, headers: dict[str, str]
) -> None:
    address = hosting.emulator.address
    answer = requests.request(method, address + path, data=b"x", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 404
    assert answer.headers["x-amzn-errortype"] == answer.json()["__type"] == "UnknownOperationException"
    assert f"{method} {path.partition('?')[0]}" in answer.json()["message"]


def test_a_bucket_that_is_called_endpoints(hosting: Hosting) -> None:
    s3 = hosting.emulator.client("s3")
    s3.create_bucket(Bucket="endpoints")
    place = {"Bucket": "endpoints", "Key": "a/b"}
    begin = s3.generate_presigned_url("create_multipart_upload", Params=place)
    assert "<UploadId>" in requests.post(begin, timeout=PATIENCE).text
    put = s3.generate_presigned_url("put_object", Params=place)
    assert requests.put(put, data=b"content", timeout=PATIENCE).status_code == 200
    assert hosting.emulator.get("endpoints", "a/b") == b"content"


def test_all_that_is_wrong_is_told_at_once(hosting: Hosting) -> None:
    with pytest.raises(ClientError) as caught:
        hosting.unchecked("create_model", {"ModelName": "a_b", "ExecutionRoleArn": "no arn, but long enough"})
    assert "2 validation errors detected: Value 'a_b'" in str(caught.value)


@pytest.mark.parametrize("name", ["none", "there-is-none-of-this-name"])
def test_an_invocation_of_no_endpoint(hosting: Hosting, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, b"")
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert caught.value.response["Error"]["Message"] == f"Endpoint {name} of account 123456789012 not found."


def test_an_endpoint_under_way_cannot_be_changed(hosting: Hosting) -> None:
    name = hosting.create(hosting.config({"ModelName": hosting.model("is_never_healthy")}))
    for call, arguments in (
        (hosting.sagemaker.delete_endpoint, {}),
        (hosting.sagemaker.update_endpoint, {"EndpointConfigName": "there"}),
    ):
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            call(EndpointName=name, **arguments)
    with pytest.raises(ClientError, match="is not in service: it is Creating"):
        hosting.invoke(name, b"")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"ModelName": 1}', b'{"ModelName": {}}'])
def test_a_body_that_is_no_request(hosting: Hosting, body: bytes) -> None:
    headers = {"X-Amz-Target": "SageMaker.DescribeModel", "Content-Type": "application/x-amz-json-1.1"}
    answer = requests.post(hosting.emulator.address, data=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400
    assert answer.json()["__type"] in ("SerializationException", "ValidationException")


def test_another_region_is_refused_with_what_to_do(hosting: Hosting) -> None:
    headers = {
        "X-Amz-Target": "SageMaker.ListModels",
        "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/sagemaker/aws4_request",
    }
    answer = requests.post(hosting.emulator.address, data=b"{}", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400
    assert "--region eu-west-1" in answer.json()["message"]
