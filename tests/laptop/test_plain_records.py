"""Model cards, pipelines' definitions and configurations: created, read, changed, listed and deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess

TOKEN = "t" * 32
DEFINITION = json.dumps({"Version": "2020-12-01", "Steps": []})


@pytest.fixture
def sagemaker(emulator: EmulatorProcess) -> Any:
    return emulator.client("sagemaker")


def test_model_cards_have_versions(sagemaker: Any) -> None:
    sagemaker.create_model_card(ModelCardName="card", Content='{"a": 1}', ModelCardStatus="Draft")
    with pytest.raises(sagemaker.exceptions.ConflictException, match="already exists"):
        sagemaker.create_model_card(ModelCardName="card", Content="{}", ModelCardStatus="Draft")
    sagemaker.update_model_card(ModelCardName="card", Content='{"a": 2}')
    sagemaker.update_model_card(ModelCardName="card", ModelCardStatus="Approved")
    card = sagemaker.describe_model_card(ModelCardName="card")
    assert (card["ModelCardVersion"], card["ModelCardStatus"], card["Content"]) == (3, "Approved", '{"a": 2}')
    first = sagemaker.describe_model_card(ModelCardName="card", ModelCardVersion=1)
    assert (first["ModelCardVersion"], first["Content"]) == (1, '{"a": 1}')
    versions = sagemaker.list_model_card_versions(ModelCardName="card")["ModelCardVersionSummaryList"]
    assert [version["ModelCardVersion"] for version in versions] == [3, 2, 1]
    drafts = sagemaker.list_model_card_versions(ModelCardName="card", ModelCardStatus="Draft")
    assert len(drafts["ModelCardVersionSummaryList"]) == 2
    assert sagemaker.list_model_cards(ModelCardStatus="Archived")["ModelCardSummaries"] == []
    with pytest.raises(sagemaker.exceptions.ResourceNotFound, match="no version 9"):
        sagemaker.describe_model_card(ModelCardName="card", ModelCardVersion=9)
    with pytest.raises(ClientError, match="Content is not JSON"):
        sagemaker.update_model_card(ModelCardName="card", Content="{")
    sagemaker.delete_model_card(ModelCardName="card")


def test_pipelines_keep_their_definition(emulator: EmulatorProcess, sagemaker: Any) -> None:
    emulator.put("definitions", **{"a.json": DEFINITION.encode()})
    location = {"Bucket": "definitions", "ObjectKey": "a.json"}
    request = {"PipelineName": "kept", "RoleArn": ROLE, "ClientRequestToken": TOKEN}
    arn = sagemaker.create_pipeline(**request, PipelineDefinitionS3Location=location)["PipelineArn"]
    for name in ("kept", arn):
        assert sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == DEFINITION
    sagemaker.update_pipeline(PipelineName="kept", PipelineDefinition="{}", PipelineDescription="changed")
    described = sagemaker.describe_pipeline(PipelineName="kept")
    assert (described["PipelineDefinition"], described["PipelineDescription"]) == ("{}", "changed")
    assert (described["PipelineDisplayName"], described["PipelineStatus"]) == ("kept", "Active")
    found = sagemaker.list_pipelines(PipelineNamePrefix="kep")["PipelineSummaries"]
    assert [item["PipelineArn"] for item in found] == [arn]
    assert sagemaker.delete_pipeline(PipelineName="kept", ClientRequestToken=TOKEN)["PipelineArn"] == arn


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "Either Pipeline Definition or Pipeline Definition S3 location"),
        ({"PipelineDefinition": "{"}, "not JSON"),
        ({"PipelineDefinition": "[]"}, "must be a JSON object"),
        ({"PipelineDefinition": "{}", "RoleArn": f"{ROLE}-none"}, "Could not assume role"),
        (
            {"PipelineDefinitionS3Location": {"Bucket": "definitions-none", "ObjectKey": "a"}},
            "There is no S3 object s3://definitions-none/a",
        ),
    ],
)
def test_invalid_pipeline_definitions_are_refused(sagemaker: Any, members: dict[str, Any], said: str) -> None:
    request = {"PipelineName": "never", "RoleArn": ROLE, "ClientRequestToken": TOKEN, **members}
    with pytest.raises(ClientError, match=said):
        sagemaker.create_pipeline(**request)


def test_configurations(sagemaker: Any) -> None:
    script = [{"Content": "IyEvYmluL3No"}]
    name = {"NotebookInstanceLifecycleConfigName": "kept"}
    sagemaker.create_notebook_instance_lifecycle_config(**name, OnStart=script)
    sagemaker.update_notebook_instance_lifecycle_config(**name, OnCreate=script)
    described = sagemaker.describe_notebook_instance_lifecycle_config(**name)
    assert described["OnStart"] == described["OnCreate"] == script
    sagemaker.delete_notebook_instance_lifecycle_config(**name)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_notebook_instance_lifecycle_config(**name)
    studio = {"StudioLifecycleConfigName": "kept"}
    request = {"StudioLifecycleConfigContent": "IyE=", "StudioLifecycleConfigAppType": "CodeEditor"}
    sagemaker.create_studio_lifecycle_config(**studio, **request)
    with pytest.raises(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_studio_lifecycle_config(**studio, **request)
    found = sagemaker.list_studio_lifecycle_configs(AppTypeEquals="CodeEditor")["StudioLifecycleConfigs"]
    assert [item["StudioLifecycleConfigName"] for item in found] == ["kept"]
    sagemaker.delete_studio_lifecycle_config(**studio)


def test_tags_of_all_kinds(sagemaker: Any) -> None:
    tags = [{"Key": "of", "Value": "records"}]
    arn = sagemaker.create_experiment(ExperimentName="tagged", Tags=tags)["ExperimentArn"]
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["of"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []
    sagemaker.delete_experiment(ExperimentName="tagged")
    with pytest.raises(ClientError, match=r'Could not find resource "arn:.*notebook-instance/none"'):
        sagemaker.list_tags(ResourceArn="arn:aws:sagemaker:us-east-1:123456789012:notebook-instance/none")
