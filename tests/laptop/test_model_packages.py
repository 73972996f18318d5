"""The model registry: versions of a group, their approval, and endpoints of registered models."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import Hosting, image

_numbers = itertools.count(1)
TYPES = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}


@pytest.fixture
def hosting(emulator: EmulatorProcess) -> Hosting:
    return Hosting(emulator)


@pytest.fixture
def group(hosting: Hosting) -> str:
    """The name of a new model package group."""
    name = f"group-{next(_numbers)}"
    hosting.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def specification(program: str = "talks", **container: Any) -> dict[str, Any]:
    return {"Containers": [{"Image": image(program), **container}], **TYPES}


def register(hosting: Hosting, group: str, **members: Any) -> str:
    """Register a version; its ARN."""
    request = {"InferenceSpecification": specification(), **members}
    arn: str = hosting.sagemaker.create_model_package(ModelPackageGroupName=group, **request)[
        "ModelPackageArn"
    ]
    return arn


def test_version_numbers_are_never_reused(hosting: Hosting, group: str) -> None:
    arns = [register(hosting, group) for _ in range(2)]
    assert [arn.rpartition(f"model-package/{group}/")[2] for arn in arns] == ["1", "2"]
    hosting.sagemaker.delete_model_package(ModelPackageName=arns[1])
    assert register(hosting, group).endswith(f"{group}/3")
    found = hosting.sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert [item["ModelPackageVersion"] for item in found] == [3, 1]
    with pytest.raises(hosting.sagemaker.exceptions.ConflictException, match="still contains"):
        hosting.sagemaker.delete_model_package_group(ModelPackageGroupName=group)


def test_a_version_as_describe_shows_it(hosting: Hosting, group: str) -> None:
    arn = register(
        hosting, group, CustomerMetadataProperties={"a": "1", "b": "2"}, ModelPackageDescription="d"
    )
    described = hosting.sagemaker.describe_model_package(ModelPackageName=arn)
    assert (described["ModelPackageGroupName"], described["ModelPackageVersion"]) == (group, 1)
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["InferenceSpecification"] == specification()
    assert described["ModelPackageStatusDetails"]["ValidationStatuses"] == []
    assert "ModelPackageName" not in described  # of a version AWS sends none
    hosting.sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"b": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    described = hosting.sagemaker.describe_model_package(ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"b": "3"}
    approved = hosting.sagemaker.list_model_packages(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved"
    )
    assert [item["ModelPackageArn"] for item in approved["ModelPackageSummaryList"]] == [arn]
    batch = hosting.sagemaker.batch_describe_model_package(ModelPackageArnList=[arn, f"{arn}0"])
    assert batch["ModelPackageSummaries"][arn]["ModelPackageVersion"] == 1
    assert "does not exist" in batch["BatchDescribeModelPackageErrorMap"][f"{arn}0"]["ErrorResponse"]


def test_an_endpoint_of_an_approved_version(hosting: Hosting, group: str) -> None:
    arn = register(hosting, group, InferenceSpecification=specification(Environment={"ONE": "1", "TWO": "2"}))
    name = f"of-{group}"
    request = {
        "ModelName": name,
        "ExecutionRoleArn": ROLE,
        "Containers": [{"ModelPackageName": arn, "Environment": {"TWO": "two"}}],
    }
    with pytest.raises(ClientError, match="ModelApprovalStatus is PendingManualApproval"):
        hosting.sagemaker.create_model(**request)
    hosting.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    hosting.sagemaker.create_model(**request)
    described = hosting.sagemaker.describe_model(ModelName=name)
    assert described["Containers"][0]["ModelPackageName"] == arn
    endpoint = hosting.create(hosting.config({"ModelName": name}))
    settled = hosting.settled(endpoint)
    assert settled["EndpointStatus"] == "InService", settled.get("FailureReason")
    variables = json.loads(hosting.invoke(endpoint, "environment"))
    assert (variables["ONE"], variables["TWO"]) == ("1", "two")


def test_a_package_with_a_name_of_its_own(hosting: Hosting) -> None:
    name = f"package-{next(_numbers)}"
    request = {"ModelPackageName": name, "InferenceSpecification": specification()}
    hosting.sagemaker.create_model_package(**request)
    with pytest.raises(ClientError, match="ModelPackage already exists"):
        hosting.sagemaker.create_model_package(**request)
    hosting.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": name}
    )
    packages = hosting.sagemaker.list_model_packages(NameContains=name)["ModelPackageSummaryList"]
    assert [item["ModelPackageName"] for item in packages] == [name]


def test_a_package_of_a_model_and_of_another_package(hosting: Hosting, group: str) -> None:
    model = hosting.sagemaker.describe_model(ModelName=hosting.model())["ModelArn"]
    request = {"ModelPackageGroupName": group}
    first = hosting.sagemaker.create_model_package(**request, SourceUri=model)["ModelPackageArn"]
    second = hosting.sagemaker.create_model_package(**request, SourceUri=first)["ModelPackageArn"]
    described = hosting.sagemaker.describe_model_package(ModelPackageName=second)
    assert described["InferenceSpecification"]["Containers"] == [{"Image": image("talks")}]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "Missing ARN"),
        ({"ModelPackageName": "a", "ModelPackageGroupName": "b"}, "Cannot determine which one"),
        ({"ModelPackageGroupName": "none"}, "ModelPackageGroup arn:.*none does not exist"),
        (
            {
                "ModelPackageName": "a",
                "ValidationSpecification": {
                    "ValidationRole": ROLE,
                    "ValidationProfiles": [
                        {
                            "ProfileName": "a",
                            "TransformJobDefinition": {
                                "TransformInput": {
                                    "DataSource": {
                                        "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://a/b"}
                                    }
                                },
                                "TransformOutput": {"S3OutputPath": "s3://a/c"},
                                "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
                            },
                        }
                    ],
                },
            },
            "has no ValidationSpecification: run a transform job",
        ),
        (
            {
                "ModelPackageName": "a",
                "SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "a"}]},
            },
            "has no SourceAlgorithmSpecification: name images",
        ),
    ],
)
def test_invalid_packages_are_refused(hosting: Hosting, members: dict[str, Any], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        hosting.sagemaker.create_model_package(InferenceSpecification=specification(), **members)


def test_a_policy_of_a_group(hosting: Hosting, group: str) -> None:
    sagemaker = hosting.sagemaker
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)
    sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy="{}")
    assert sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)["ResourcePolicy"] == "{}"
    sagemaker.delete_model_package_group_policy(ModelPackageGroupName=group)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)


def test_a_single_item_of_containers_is_accepted(hosting: Hosting) -> None:
    name = f"one-{next(_numbers)}"
    hosting.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, Containers=[{"Image": image("talks")}]
    )
    endpoint = hosting.create(hosting.config({"ModelName": name}))
    assert hosting.settled(endpoint)["EndpointStatus"] == "InService"
