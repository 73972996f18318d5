"""What the emulator's SNS and S3 deliver to others, and what they refuse to."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from longshore.emulator.books.sns_deliveries import check_address
from longshore.emulator.faults import AwsError
from tests.laptop.test_asynchronous_notices import Subscriber
from tests.support.emulator import EmulatorProcess
from tests.support.server import PATIENCE, free_port, wait_until


@pytest.fixture
def topic(emulator: EmulatorProcess, name: str) -> str:
    arn: str = emulator.client("sns").create_topic(Name=name)["TopicArn"]
    return arn


def test_sns_delivers_what_a_client_publishes(emulator: EmulatorProcess, topic: str) -> None:
    sns, subscriber = emulator.client("sns"), Subscriber()
    try:
        for url in (f"http://127.0.0.1:{free_port()}", subscriber.url):
            sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
        sns.publish(TopicArn=topic, Message=json.dumps({"inferenceId": topic}))
        headers, _ = subscriber.about(topic)
        assert headers["x-amz-sns-topic-arn"] == topic
    finally:
        subscriber.server.shutdown()
        subscriber.server.server_close()


@pytest.mark.parametrize(
    ("protocol", "endpoint", "code"),
    [
        ("lambda", "arn:aws:lambda:us-east-1:123456789012:function:f", "NotImplemented"),
        ("firehose", "arn:aws:firehose:us-east-1:123456789012:deliverystream/d", "NotImplemented"),
        ("email", "a@example.com", "NotImplemented"),
        ("sms", "+15550100", "NotImplemented"),
        ("http", "no address", "InvalidParameter"),
        ("http", "http://127.0.0.1:{port}/_longshore/interrupt?job=a", "InvalidParameter"),
        ("https", "https://elsewhere.example:{port}/", "InvalidParameter"),
        ("http", "http://127.0.0.1:0{port}/", "InvalidParameter"),
        ("http", "http://[::ffff:127.0.0.1]:{port}/", "InvalidParameter"),
        ("http", "http://127.0.0.1:{port}\\@elsewhere.example:80/x", "InvalidParameter"),
        ("http", "http://127.0.0.1:{port}\\x@localhost:9/", "InvalidParameter"),
        ("http", "http://localhost:{port}#@elsewhere.example:80/", "InvalidParameter"),
        ("http", "http://user@elsewhere.example/", "InvalidParameter"),
        ("http", "http://@elsewhere.example/", "InvalidParameter"),
        ("http", "http://else\nwhere.example/", "InvalidParameter"),
        ("http", "http://else where.example/", "InvalidParameter"),
        ("http", " http://elsewhere.example/", "InvalidParameter"),
        ("http", "http://[/", "InvalidParameter"),
        ("http", "http://elsewhere.example:99999/", "InvalidParameter"),
        ("http", "http:///x", "InvalidParameter"),
        ("http", "file:///etc/passwd", "InvalidParameter"),
    ],
)
def test_subscriptions_that_sns_refuses(
    emulator: EmulatorProcess, topic: str, protocol: str, endpoint: str, code: str
) -> None:
    sns, port = emulator.client("sns"), emulator.address.rpartition(":")[2]
    with pytest.raises(ClientError) as caught:
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint.format(port=port))
    assert caught.value.response["Error"]["Code"] == code
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1/x", 80),
        ("http://localhost", 80),
        ("HTTP://localhost:/x", 80),
        ("https://elsewhere.example/", 443),
    ],
)
def test_the_default_port_may_be_the_emulators(url: str, port: int) -> None:
    check_address(url, 4600)
    with pytest.raises(AwsError, match="the emulator's own port"):
        check_address(url, port)


def test_a_delivery_is_no_request_to_an_emulator(emulator: EmulatorProcess, name: str) -> None:
    headers = {"x-amz-sns-message-type": "Notification"}
    answer = requests.put(f"{emulator.address}/{name}", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 403 and "<Code>AccessDenied</Code>" in answer.text
    assert name not in [each["Name"] for each in emulator.client("s3").list_buckets()["Buckets"]]


def test_s3_notifies_queues_and_refuses_functions(emulator: EmulatorProcess, name: str) -> None:
    s3, sqs = emulator.client("s3"), emulator.client("sqs")
    s3.create_bucket(Bucket=name)
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:{{}}:us-east-1:123456789012:{name}"
    events = {"Events": ["s3:ObjectCreated:*"]}
    refused: tuple[dict[str, Any], ...] = (
        {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn.format("lambda"), **events}]},
        {"EventBridgeConfiguration": {}},
    )
    for configuration in refused:
        with pytest.raises(ClientError, match="S3 notifies SNS topics and SQS queues") as caught:
            s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=configuration)
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
    queues = {"QueueConfigurations": [{"QueueArn": arn.format("sqs"), **events}]}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=queues)
    emulator.put(name, created=b"1")

    def received() -> bool:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return any('"created"' in message["Body"] for message in messages)

    wait_until(received, "the notification comes")
