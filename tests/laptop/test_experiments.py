"""Experiments, trials and trial components: what clients write is there, and lists keep to their filters."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulator import ROLE, EmulatorProcess
from tests.support.jobs import channel, train

_numbers = itertools.count(1)


@pytest.fixture
def sagemaker(emulator: EmulatorProcess) -> Any:
    return emulator.client("sagemaker")


@pytest.fixture
def new() -> str:
    """A name that no other test has."""
    return f"experiment-{next(_numbers)}"


def test_duplicates_are_refused_as_the_sdks_expect(sagemaker: Any, new: str) -> None:
    """The SDK 2 looks for 'already exists', the SDK 3 for 'must be unique within an AWS account'."""
    requests: dict[str, dict[str, Any]] = {
        "create_experiment": {"ExperimentName": new},
        "create_trial": {"TrialName": new, "ExperimentName": new},
        "create_trial_component": {"TrialComponentName": new},
        "create_model_package_group": {"ModelPackageGroupName": new},
        "create_pipeline": {
            "PipelineName": new,
            "PipelineDefinition": "{}",
            "RoleArn": ROLE,
            "ClientRequestToken": "t" * 32,
        },
        "create_code_repository": {
            "CodeRepositoryName": new,
            "GitConfig": {"RepositoryUrl": "https://git.example/a"},
        },
    }
    for operation, request in requests.items():
        getattr(sagemaker, operation)(**request)
        with pytest.raises(ClientError, match="already exist") as caught:
            getattr(sagemaker, operation)(**request)
        assert caught.value.response["Error"]["Code"] == "ValidationException"
        if operation in ("create_experiment", "create_trial", "create_trial_component", "create_pipeline"):
            assert "must be unique within an AWS account" in str(caught.value)


def test_updates_of_a_trial_component(sagemaker: Any, new: str) -> None:
    sagemaker.create_trial_component(
        TrialComponentName=new,
        Parameters={
            "kept": {"StringValue": "a"},
            "changed": {"NumberValue": 1},
            "removed": {"NumberValue": 1},
        },
        InputArtifacts={"data": {"Value": "s3://bucket/data"}},
    )
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    sagemaker.update_trial_component(
        TrialComponentName=new,
        DisplayName="shown",
        Parameters={"changed": {"NumberValue": 2}},
        ParametersToRemove=["removed"],
        InputArtifactsToRemove=["data"],
        OutputArtifacts={"model": {"Value": "s3://bucket/model", "MediaType": "application/gzip"}},
        Status={"PrimaryStatus": "Completed", "Message": "written by the client"},
        StartTime=start,
    )
    found = sagemaker.describe_trial_component(TrialComponentName=new)
    assert found["Parameters"] == {"kept": {"StringValue": "a"}, "changed": {"NumberValue": 2.0}}
    assert found["InputArtifacts"] == {}
    assert found["OutputArtifacts"]["model"]["MediaType"] == "application/gzip"
    assert found["Status"]["PrimaryStatus"] == "Completed" and found["DisplayName"] == "shown"
    assert found["StartTime"] == start and found["LastModifiedTime"] > found["CreationTime"]


def test_metrics_of_a_trial_component(emulator: EmulatorProcess, sagemaker: Any, new: str) -> None:
    arn = sagemaker.create_trial_component(TrialComponentName=new)["TrialComponentArn"]
    metrics = emulator.client("sagemaker-metrics")
    at = datetime.datetime(2026, 1, 1, 12, 0, 30, tzinfo=datetime.UTC)
    points = [
        {
            "MetricName": "loss",
            "Timestamp": at + datetime.timedelta(minutes=step),
            "Step": step,
            "Value": value,
        }
        for step, value in ((1, 4.0), (2, 1.0), (2, 2.0))
    ]
    assert not metrics.batch_put_metrics(TrialComponentName=new, MetricData=points).get("Errors")
    (summary,) = sagemaker.describe_trial_component(TrialComponentName=new)["Metrics"]
    assert {name: summary[name] for name in ("Min", "Max", "Last", "Count")} == {
        "Min": 1.0, "Max": 4.0, "Last": 2.0, "Count": 3,
    }  # fmt: skip
    assert summary["MetricName"] == "loss" and summary["SourceArn"] == arn

    def asked(period: str, axis: str, **more: Any) -> dict[str, Any]:
        query = {"MetricName": "loss", "ResourceArn": arn, "MetricStat": "Avg", "Period": period}
        answer = metrics.batch_get_metrics(MetricQueries=[{**query, "XAxisType": axis, **more}])
        result: dict[str, Any] = answer["MetricQueryResults"][0]
        return result

    by_step = asked("IterationNumber", "IterationNumber")
    assert (by_step["XAxisValues"], by_step["MetricValues"]) == ([1, 2], [4.0, 1.5])
    by_minute = asked("OneMinute", "Timestamp")
    noon = int(at.timestamp()) - 30
    assert (by_minute["XAxisValues"], by_minute["MetricValues"]) == ([noon + 60, noon + 120], [4.0, 1.5])
    assert asked("OneHour", "Timestamp")["MetricValues"] == [pytest.approx(7 / 3)]
    assert asked("OneMinute", "IterationNumber")["Status"] == "ValidationError"
    assert asked("OneMinute", "Timestamp", ResourceArn=f"{arn}-none")["Status"] == "ValidationError"
    errors = metrics.batch_put_metrics(TrialComponentName=f"{new}-none", MetricData=points)["Errors"]
    assert [error["Code"] for error in errors] == ["VALIDATION_ERROR"] * 3
    large = [points[0], {**points[0], "Value": 1.7e308}]
    errors = metrics.batch_put_metrics(TrialComponentName=new, MetricData=large)["Errors"]
    assert errors == [{"Code": "VALIDATION_ERROR", "MetricIndex": 1}]


def test_lists_honor_experiment_trial_and_source(sagemaker: Any, new: str) -> None:
    for experiment in (new, f"{new}-other"):
        sagemaker.create_experiment(ExperimentName=experiment)
        sagemaker.create_trial(TrialName=experiment, ExperimentName=experiment)
        sagemaker.create_trial_component(TrialComponentName=experiment)
        sagemaker.associate_trial_component(TrialComponentName=experiment, TrialName=experiment)

    def components(**filters: Any) -> list[str]:
        found = sagemaker.list_trial_components(**filters)["TrialComponentSummaries"]
        return [item["TrialComponentName"] for item in found]

    assert components(ExperimentName=new) == components(TrialName=new) == [new]
    assert components(SourceArn="arn:aws:sagemaker:us-east-1:123456789012:training-job/none") == []
    with pytest.raises(ClientError, match="only one of ExperimentName, TrialName"):
        components(ExperimentName=new, TrialName=new)
    trials = sagemaker.list_trials(ExperimentName=new)["TrialSummaries"]
    assert [trial["TrialName"] for trial in trials] == [new]
    trials = sagemaker.list_trials(TrialComponentName=f"{new}-other")["TrialSummaries"]
    assert [trial["TrialName"] for trial in trials] == [f"{new}-other"]


def test_records_in_use_cannot_be_deleted(sagemaker: Any, new: str) -> None:
    sagemaker.create_experiment(ExperimentName=new)
    sagemaker.create_trial(TrialName=new, ExperimentName=new)
    sagemaker.create_trial_component(TrialComponentName=new)
    sagemaker.associate_trial_component(TrialComponentName=new, TrialName=new)
    for delete, member in (
        (sagemaker.delete_experiment, "ExperimentName"),
        (sagemaker.delete_trial, "TrialName"),
        (sagemaker.delete_trial_component, "TrialComponentName"),
    ):
        with pytest.raises(ClientError, match=f"cannot be deleted while it is associated with {new}"):
            delete(**{member: new})
    sagemaker.disassociate_trial_component(TrialComponentName=new, TrialName=new)
    sagemaker.delete_trial_component(TrialComponentName=new)
    sagemaker.delete_trial(TrialName=new)
    sagemaker.delete_experiment(ExperimentName=new)
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_experiment(ExperimentName=new)


def test_a_job_with_an_experiment_config_has_a_trial_component(
    emulator: EmulatorProcess, sagemaker: Any, new: str
) -> None:
    sagemaker.create_experiment(ExperimentName=new)
    sagemaker.create_trial(TrialName=new, ExperimentName=new)
    emulator.put(new, **{"in/a.csv": b"1\n"})
    arn = train(
        emulator,
        new,
        "tells_what_it_got.py",
        HyperParameters={"rate": "0.5", "kind": "fast"},
        InputDataConfig=[channel("in", f"s3://{new}/in/")],
        ExperimentConfig={"ExperimentName": new, "TrialName": new, "TrialComponentDisplayName": "shown"},
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]},
    )
    emulator.ended("Training", new)
    (listed,) = sagemaker.list_trial_components(SourceArn=arn)["TrialComponentSummaries"]
    assert (listed["TrialComponentName"], listed["DisplayName"]) == (f"{new}-aws-training-job", "shown")
    assert listed["Status"] == {"PrimaryStatus": "Completed"}
    found = sagemaker.describe_trial_component(TrialComponentName=listed["TrialComponentName"])
    assert found["Source"] == {"SourceArn": arn, "SourceType": "SageMakerTrainingJob"}
    assert found["Parameters"]["rate"] == {"NumberValue": 0.5}
    assert found["Parameters"]["kind"] == {"StringValue": "fast"}
    assert found["InputArtifacts"]["in"]["Value"] == f"s3://{new}/in/"
    assert found["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"].endswith("model.tar.gz")
    assert [(metric["MetricName"], metric["Last"]) for metric in found["Metrics"]] == [("loss", 0.25)]
    of_trial = sagemaker.list_trial_components(TrialName=new)["TrialComponentSummaries"]
    assert [item["TrialComponentName"] for item in of_trial] == [listed["TrialComponentName"]]


def test_a_job_of_an_experiment_that_is_not_there(
    emulator: EmulatorProcess, sagemaker: Any, new: str
) -> None:
    with pytest.raises(sagemaker.exceptions.ResourceNotFound, match=f"Experiment '{new}' does not exist"):
        train(emulator, new, "tells_what_it_got.py", ExperimentConfig={"ExperimentName": new})
    sagemaker.create_experiment(ExperimentName=new)
    train(emulator, new, "tells_what_it_got.py", ExperimentConfig={"ExperimentName": new})
    (listed,) = sagemaker.list_trial_components(ExperimentName=new)["TrialComponentSummaries"]
    assert listed["TrialComponentSource"]["SourceType"] == "SageMakerTrainingJob"
    emulator.ended("Training", new)
    sagemaker.delete_training_job(TrainingJobName=new)
    train(emulator, new, "tells_what_it_got.py", ExperimentConfig={"ExperimentName": new})
    assert emulator.ended("Training", new)["TrainingJobStatus"] == "Completed"
