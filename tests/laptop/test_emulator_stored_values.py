"""Values that look like parts of AWS's answers come back from each service as they were stored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from tests.support.emulator import EmulatorProcess

VALUES = [
    "a<RequestId>b</RequestId>c",
    "<RequestId>b</RequestId>",
    "<Error><Code>A</Code><RequestId>b</RequestId></Error>",
    "<RequestId>1</RequestId>\nlost?\n<RequestId>2</RequestId> <HostId>h</HostId>",
    "&lt;RequestId&gt;b&lt;/RequestId&gt;",
]


def ssm(emulator: EmulatorProcess, name: str, value: str) -> Any:
    client = emulator.client("ssm")
    client.put_parameter(Name=name, Value=value, Type="String")
    return client.get_parameter(Name=name)["Parameter"]["Value"]


def secretsmanager(emulator: EmulatorProcess, name: str, value: str) -> Any:
    client = emulator.client("secretsmanager")
    client.create_secret(Name=name, SecretString=value)
    return client.get_secret_value(SecretId=name)["SecretString"]


def sqs(emulator: EmulatorProcess, name: str, value: str) -> Any:
    client = emulator.client("sqs")
    queue = client.create_queue(QueueName=name)["QueueUrl"]
    client.send_message(QueueUrl=queue, MessageBody=value)
    return client.receive_message(QueueUrl=queue)["Messages"][0]["Body"]


def sns(emulator: EmulatorProcess, name: str, value: str) -> Any:
    client = emulator.client("sns")
    topic = client.create_topic(Name=name, Attributes={"DisplayName": value})["TopicArn"]
    return client.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"]


def logs(emulator: EmulatorProcess, name: str, value: str) -> Any:
    client = emulator.client("logs")
    where = {"logGroupName": name, "logStreamName": "s"}
    client.create_log_group(logGroupName=name)
    client.create_log_stream(**where)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in (value, "between", value)]
    client.put_log_events(**where, logEvents=events)
    found = [
        client.get_log_events(**where, startFromHead=True)["events"],
        client.filter_log_events(logGroupName=name)["events"],
    ]
    assert [[event["message"] for event in each] for each in found] == 2 * [[value, "between", value]]
    return found[0][0]["message"]


def iam_policy(emulator: EmulatorProcess, name: str, value: str) -> Any:
    client = emulator.client("iam")
    client.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Description=value)
    statement = {"Sid": value, "Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    client.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    assert client.get_role(RoleName=name)["Role"]["Description"] == value
    return client.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"]["Statement"][0]["Sid"]


def s3_policy(emulator: EmulatorProcess, name: str, value: str) -> Any:
    client = emulator.client("s3")
    client.create_bucket(Bucket=name)
    resource = f"arn:aws:s3:::{name}/*"
    statement = {"Sid": value, "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": resource}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": [statement]}))
    return json.loads(client.get_bucket_policy(Bucket=name)["Policy"])["Statement"][0]["Sid"]


def s3_key(emulator: EmulatorProcess, name: str, value: str) -> Any:
    emulator.put(name, **{value: value.encode()})
    assert emulator.get(name, value) == value.encode()
    return emulator.keys(name)[0]


SERVICES = [ssm, secretsmanager, sqs, sns, logs, iam_policy, s3_policy, s3_key]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("service", SERVICES)
def test_values_with_a_request_id_come_back_unchanged(
    emulator: EmulatorProcess, name: str, service: Callable[..., Any], value: str
) -> None:
    assert service(emulator, f"{name}-{VALUES.index(value)}", value) == value


def test_each_answer_in_xml_has_an_id_of_its_own(emulator: EmulatorProcess) -> None:
    sts, iam = emulator.client("sts"), emulator.client("iam")
    ids = [sts.get_caller_identity()["ResponseMetadata"]["RequestId"] for _ in range(2)]
    for _ in range(2):
        with pytest.raises(ClientError) as caught:
            iam.get_role(RoleName="none")
        ids.append(caught.value.response["ResponseMetadata"]["RequestId"])
    answer = requests.get(f"{emulator.address}/no-such-bucket", timeout=30)
    assert "<Code>NoSuchBucket</Code>" in answer.text
    ids.append(answer.text.partition("<RequestId>")[2].partition("<")[0])
    assert len(set(ids)) == 5
    assert all(len(each) > 30 for each in ids), ids
