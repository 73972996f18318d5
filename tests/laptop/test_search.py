"""Search: among training jobs, and among the other resources that the emulator has."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import EmulatorProcess
from tests.support.jobs import train

NAMES = [f"searched-{number}" for number in range(4)]
RATES = ["0.5", "0.05", "10", "1e-3"]


@pytest.fixture(scope="module")
def sagemaker(emulator: EmulatorProcess) -> Any:
    """A client, with four jobs begun in the order of NAMES: the last failed, the third isolated."""
    for number, name in enumerate(NAMES):
        train(
            emulator,
            name,
            "fails.py" if number == 3 else "tells_what_it_got.py",
            Tags=[{"Key": "number", "Value": f"0{number}"}, {"Key": "of", "Value": "searched"}],
            HyperParameters={"learning.rate": RATES[number]},
            EnableNetworkIsolation=number == 2,
        )
        emulator.ended("Training", name)
    return emulator.client("sagemaker")


def found(sagemaker: Any, *filters: tuple[str, ...], **more: Any) -> list[str]:
    """The names of the jobs that a search among these four finds, in its order."""
    given = [dict(zip(("Name", "Operator", "Value"), each, strict=False)) for each in filters]
    among = {"Filters": [{"Name": "Tags.of", "Operator": "Equals", "Value": "searched"}]}
    expression = {"SubExpressions": [among, {"Filters": given, **more.pop("expression", {})}]}
    if not given:
        expression = among
    answer = sagemaker.search(Resource="TrainingJob", SearchExpression=expression, **more)
    return [result["TrainingJob"]["TrainingJobName"] for result in answer["Results"]]


RATE = "HyperParameters.learning.rate"


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ([("Tags.number", "Equals", "01")], [1]),
        ([("Tags.number", "Equals", "1")], []),
        ([("Tags.number", "In", "00, 03,07")], [0, 3]),
        ([("Tags.none", "NotExists"), ("Tags.number", "NotEquals", "02")], [0, 1, 3]),
        ([("TrainingJobStatus", "Equals", "Failed")], [3]),
        ([("FailureReason", "Exists")], [3]),
        ([("TrainingJobName", "Contains", "-2")], [2]),
        ([("EnableNetworkIsolation", "Equals", "true")], [2]),
        ([(RATE, "LessThan", "0.1")], [1, 3]),
        ([(RATE, "GreaterThanOrEqualTo", "0.5"), ("Tags.number", "NotEquals", "00")], [2]),
        ([("ResourceConfig.InstanceCount", "Equals", "1")], [0, 1, 2, 3]),
        ([("CreationTime", "LessThan", "2020-01-01T00:00:00Z")], []),
        ([("CreationTime", "GreaterThan", "2020-01-01")], [0, 1, 2, 3]),
    ],
)
def test_what_a_search_finds(sagemaker: Any, filters: list[tuple[str, ...]], numbers: list[int]) -> None:
    order = {"SortBy": "CreationTime", "SortOrder": "Ascending"}
    assert found(sagemaker, *filters, **order) == [NAMES[number] for number in numbers]


def test_either_of_two_conditions(sagemaker: Any) -> None:
    either = ("Tags.number", "Equals", "00"), ("Tags.number", "Equals", "02")
    assert found(sagemaker, *either, expression={"Operator": "Or"}, SortOrder="Ascending") == NAMES[:3:2]


def test_the_latest_comes_first_and_pages_follow_each_other(sagemaker: Any) -> None:
    assert found(sagemaker) == NAMES[::-1]
    assert found(sagemaker, SortBy=RATE, SortOrder="Ascending") == [NAMES[n] for n in (1, 0, 2, 3)]
    tagged = {"Filters": [{"Name": "Tags.of", "Value": "searched"}]}
    asked = {"Resource": "TrainingJob", "SearchExpression": tagged, "MaxResults": 3}
    first = sagemaker.search(**asked)
    second = sagemaker.search(**asked, NextToken=first["NextToken"])
    assert len(first["Results"]) == 3 and len(second["Results"]) == 1 and "NextToken" not in second
    (job,) = (result["TrainingJob"] for result in second["Results"])
    assert job["HyperParameters"] == {"learning.rate": RATES[0]}
    assert {"Key": "number", "Value": "00"} in job["Tags"]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ([("NoSuchProperty", "Equals", "1")], "Unknown property name: NoSuchProperty"),
        ([("Tags.number", "Equals")], "Tags.number: Equals needs a Value"),
        (
            [("TrainingJobName", "LessThan", "5")],
            'The operator LessThan with the value "5" does not apply to TrainingJobName, which is text',
        ),
        (
            [("ResourceConfig", "Equals", "5")],
            'The operator Equals with the value "5" does not apply to ResourceConfig, which is a structure',
        ),
    ],
)
def test_what_cannot_be_asked_is_said(sagemaker: Any, filters: list[tuple[str, ...]], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        found(sagemaker, *filters)


def test_nested_filters_are_refused(sagemaker: Any) -> None:
    nested = {"NestedPropertyName": "InputDataConfig", "Filters": [{"Name": "InputDataConfig.ChannelName"}]}
    with pytest.raises(ClientError, match="does not search by NestedFilters"):
        sagemaker.search(Resource="TrainingJob", SearchExpression={"NestedFilters": [nested]})


@pytest.mark.parametrize(
    "resource", ["HyperParameterTuningJob", "FeatureGroup", "PipelineExecution", "Image"]
)
def test_resources_that_are_not_emulated_are_refused(sagemaker: Any, resource: str) -> None:
    with pytest.raises(ClientError, match=f"no resources of type {resource}") as caught:
        sagemaker.search(Resource=resource)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.fixture(scope="module")
def experiment(sagemaker: Any) -> None:
    """An experiment with a trial, of which one of two trial components is a part."""
    sagemaker.create_experiment(ExperimentName="searched", Tags=[{"Key": "of", "Value": "searched"}])
    sagemaker.create_trial(TrialName="searched", ExperimentName="searched")
    for number in (1, 2):
        sagemaker.create_trial_component(
            TrialComponentName=f"searched-{number}",
            Parameters={"learning.rate": {"NumberValue": number / 10}},
        )
    sagemaker.associate_trial_component(TrialComponentName="searched-2", TrialName="searched")


@pytest.mark.parametrize(
    ("resource", "member", "name", "value", "count"),
    [
        ("Experiment", "Experiment", "Tags.of", "searched", 1),
        ("ExperimentTrial", "Trial", "TrialComponentSummaries.TrialComponentName", "searched-2", 1),
        ("ExperimentTrialComponent", "TrialComponent", "Parents.ExperimentName", "searched", 1),
        ("ExperimentTrialComponent", "TrialComponent", "Parents.TrialName", "other", 0),
        ("ExperimentTrialComponent", "TrialComponent", "Parameters.learning.rate", "0.1", 1),
        ("Model", "Model", "Model.ModelName", "no model has this name", 0),
        ("Endpoint", "Endpoint", "EndpointName", "no endpoint has this name", 0),
        ("ModelPackageGroup", "ModelPackageGroup", "ModelPackageGroupName", "none", 0),
    ],
)
def test_other_resources(
    sagemaker: Any, experiment: None, resource: str, member: str, name: str, value: str, count: int
) -> None:
    condition = {"Name": name, "Operator": "Equals", "Value": value}
    results = sagemaker.search(Resource=resource, SearchExpression={"Filters": [condition]})["Results"]
    assert [list(result) for result in results] == [[member]] * count
