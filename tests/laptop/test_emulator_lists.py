"""Lists and tags on the emulator: pages, filters, orders."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.hosting import image

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:token"
NAMES = [f"listed-{number:02}" for number in range(12)]


@pytest.fixture(scope="module")
def sagemaker(emulator: EmulatorProcess) -> Any:
    """A client, with twelve models made in the order of NAMES."""
    sagemaker = emulator.client("sagemaker")
    for name in NAMES:
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": image("talks")},
            Tags=[{"Key": "number", "Value": name[-2:]}],
        )
    return sagemaker


def listed(answer: dict[str, Any]) -> list[str]:
    return [model["ModelName"] for model in answer["Models"]]


def test_a_page_is_ten_of_the_latest(sagemaker: Any) -> None:
    first = sagemaker.list_models(NameContains="listed-")
    assert listed(first) == NAMES[:1:-1]
    second = sagemaker.list_models(NameContains="listed-", NextToken=first["NextToken"])
    assert listed(second) == NAMES[1::-1]
    assert "NextToken" not in second


def test_an_item_has_what_its_summary_knows(sagemaker: Any) -> None:
    (item,) = sagemaker.list_models(NameContains="LISTED-03")["Models"]
    assert set(item) == {"ModelName", "ModelArn", "CreationTime"}


def test_orders(sagemaker: Any) -> None:
    told = sagemaker.list_models(NameContains="listed-", SortBy="Name", SortOrder="Ascending", MaxResults=3)
    assert listed(told) == NAMES[:3]


def test_filters_by_time(sagemaker: Any) -> None:
    made = [sagemaker.describe_model(ModelName=name)["CreationTime"] for name in NAMES]
    told = sagemaker.list_models(
        NameContains="listed-", CreationTimeAfter=made[4], CreationTimeBefore=made[6], SortOrder="Ascending"
    )
    assert set(listed(told)) <= set(NAMES)
    assert {NAMES[5]} <= set(listed(told)) <= set(NAMES[4:7])


def test_tags_are_told_added_and_removed(sagemaker: Any) -> None:
    arn = sagemaker.describe_model(ModelName=NAMES[7])["ModelArn"]

    def tags() -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}

    assert tags() == {"number": "07"}
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "number", "Value": "7"}, {"Key": "more", "Value": ""}])
    assert tags() == {"number": "7", "more": ""}
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["number"])
    assert tags() == {"more": ""}


def test_orders_by_the_last_change(sagemaker: Any) -> None:
    sagemaker.create_code_repository(
        CodeRepositoryName="listed-a", GitConfig={"RepositoryUrl": "https://git.example/a"}
    )
    sagemaker.create_code_repository(
        CodeRepositoryName="listed-b", GitConfig={"RepositoryUrl": "https://git.example/b"}
    )
    sagemaker.update_code_repository(CodeRepositoryName="listed-a", GitConfig={"SecretArn": SECRET})
    found = sagemaker.list_code_repositories(SortBy="LastModifiedTime", NameContains="listed-")
    names = [item["CodeRepositoryName"] for item in found["CodeRepositorySummaryList"]]
    assert names == ["listed-a", "listed-b"]
    config = sagemaker.describe_code_repository(CodeRepositoryName="listed-a")["GitConfig"]
    assert config == {"RepositoryUrl": "https://git.example/a", "SecretArn": SECRET}
