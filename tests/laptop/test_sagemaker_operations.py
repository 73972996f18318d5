"""Operations of SageMaker are emulated, records or refused: none reports work that did not run."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from longshore.aws import service_model
from longshore.emulator.operations import TABLE
from longshore.emulator.operations.refused import REFUSED
from tests.support.emulator import EmulatorProcess

OPERATIONS = set(service_model("sagemaker").operation_names)


def test_each_operation_of_botocores_model_is_classified_once() -> None:
    assert TABLE.keys() | REFUSED.keys() == OPERATIONS
    assert not TABLE.keys() & REFUSED.keys()


@pytest.fixture(scope="module")
def unchecked(emulator: EmulatorProcess) -> Any:
    """A client that checks no request, and retries as boto3 does unless told otherwise."""
    return boto3.client(
        "sagemaker",
        endpoint_url=emulator.address,
        region_name="us-east-1",
        aws_access_key_id="longshore",
        aws_secret_access_key="longshore",
        config=Config(parameter_validation=False),
    )


@pytest.mark.parametrize("operation", sorted(REFUSED))
def test_refused_operations_say_what_to_do_instead(unchecked: Any, operation: str) -> None:
    with pytest.raises(ClientError) as caught:
        unchecked._make_api_call(operation, {})
    response = caught.value.response
    assert response["Error"]["Code"] == "NotImplemented"
    assert f"does not run {operation}: it does not emulate " in response["Error"]["Message"]
    assert "Instead, " in response["Error"]["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["ResponseMetadata"]["RetryAttempts"] == 0


def test_no_record_says_that_work_was_done(emulator: EmulatorProcess) -> None:
    """What moto reported as Completed, Succeeded, InService and Created."""
    sagemaker = emulator.client("sagemaker")
    role = "arn:aws:iam::123456789012:role/longshore"
    token = f"never-ran-{time.time_ns()}".ljust(32, "-")
    sagemaker.create_pipeline(
        PipelineName="never-ran", PipelineDefinition="{}", RoleArn=role, ClientRequestToken=token
    )
    with pytest.raises(ClientError, match="does not run StartPipelineExecution"):
        sagemaker.start_pipeline_execution(PipelineName="never-ran", ClientRequestToken=token)
    assert sagemaker.list_pipeline_executions(PipelineName="never-ran")["PipelineExecutionSummaries"] == []
    assert "LastRunTime" not in sagemaker.describe_pipeline(PipelineName="never-ran")
