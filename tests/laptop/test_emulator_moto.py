"""What clients ask of AWS's other services and moto, as it comes, does not answer."""

from __future__ import annotations

import time

from tests.support.emulator import EmulatorProcess


def test_events_are_filtered_by_the_prefix_of_their_stream(emulator: EmulatorProcess) -> None:
    logs = emulator.client("logs")
    logs.create_log_group(logGroupName="filtered")
    now = int(time.time() * 1000)  # what is older than two weeks would not be kept
    for stream in ("a/1", "a/2", "b/1"):
        logs.create_log_stream(logGroupName="filtered", logStreamName=stream)
        event = {"timestamp": now, "message": stream}
        logs.put_log_events(logGroupName="filtered", logStreamName=stream, logEvents=[event])

    def found(prefix: str) -> list[str]:
        events = logs.filter_log_events(logGroupName="filtered", logStreamNamePrefix=prefix)["events"]
        return [event["message"] for event in events]

    assert found("a/") == ["a/1", "a/2"]
    assert found("c/") == []


def test_aws_own_policies_can_be_attached(emulator: EmulatorProcess) -> None:
    arn = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    emulator.client("iam").attach_role_policy(RoleName="longshore", PolicyArn=arn)


def test_targets_and_policies_of_scaling_are_kept(emulator: EmulatorProcess) -> None:
    scaling = emulator.client("application-autoscaling")
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/scaled/variant/all",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
    scaling.put_scaling_policy(
        **target,
        PolicyName="busy",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": metric,
        },
    )
    (kept,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (kept["MinCapacity"], kept["MaxCapacity"]) == (1, 4)
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"] == metric
