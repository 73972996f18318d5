"""What an asynchronous endpoint tells by SNS, to a subscriber that is an HTTP server."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.asynchronous import BUCKET, Asynchronous
from tests.support.emulator import EmulatorProcess
from tests.support.server import free_port, wait_until


class Subscriber:
    """Keeps what is posted to it: headers, and the message with its Message taken apart."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                posted["Message"] = json.loads(posted["Message"])
                outer.got.append((dict(self.headers), posted))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/notices"
        threading.Thread(target=self.server.serve_forever).start()

    def about(self, inference_id: str) -> tuple[dict[str, str], dict[str, Any]]:
        """Once it has come."""

        def look() -> list[tuple[dict[str, str], dict[str, Any]]]:
            return [one for one in self.got if one[1]["Message"]["inferenceId"] == inference_id]

        (found,) = wait_until(look, "the notice comes")
        return found  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def subscriber() -> Iterator[Subscriber]:
    subscriber = Subscriber()
    yield subscriber
    subscriber.server.shutdown()
    subscriber.server.server_close()


@pytest.fixture(scope="module")
def asynchronous(emulator: EmulatorProcess, tmp_path_factory: pytest.TempPathFactory) -> Asynchronous:
    return Asynchronous(emulator, tmp_path_factory.mktemp("gates"))


@pytest.fixture(scope="module")
def topics(asynchronous: Asynchronous, subscriber: Subscriber) -> dict[str, str]:
    """Of each topic the first subscriber is one that has gone."""
    sns = asynchronous.emulator.client("sns")
    made = {kind: sns.create_topic(Name=f"async-{kind}")["TopicArn"] for kind in ("success", "error")}
    for arn in made.values():
        for url in (f"http://127.0.0.1:{free_port()}", subscriber.url):
            sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=url)
    return made


@pytest.fixture(scope="module")
def tells(asynchronous: Asynchronous, topics: dict[str, str]) -> str:
    """An endpoint that has notices of both kinds sent, with the answer in that of a success."""
    return asynchronous.endpoint(
        NotificationConfig={
            "SuccessTopic": topics["success"],
            "ErrorTopic": topics["error"],
            "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
        }
    )


def test_of_an_answer(
    asynchronous: Asynchronous, subscriber: Subscriber, topics: dict[str, str], tells: str
) -> None:
    gate = asynchronous.name()
    asynchronous.open(gate)
    told = asynchronous.invoke(tells, gate, ContentType="text/csv", Accept="text/plain", CustomAttributes="a")
    headers, posted = subscriber.about(told["InferenceId"])
    assert headers["x-amz-sns-message-type"] == posted["Type"] == "Notification"
    assert headers["x-amz-sns-topic-arn"] == posted["TopicArn"] == topics["success"]
    message = posted["Message"]
    assert message.pop("eventTime") >= message.pop("receivedTime")
    assert message.pop("requestParameters").pop("inputLocation").startswith(f"s3://{BUCKET}/in/")
    assert message == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "responseParameters": {"contentType": "text/plain", "outputLocation": told["OutputLocation"]},
        "responseBody": {
            "content": base64.b64encode(f"done {gate}".encode()).decode(),
            "encoding": "BASE64",
        },
        "inferenceId": told["InferenceId"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def test_of_a_failure(
    asynchronous: Asynchronous, subscriber: Subscriber, topics: dict[str, str], tells: str
) -> None:
    told = asynchronous.invoke(tells, "status 500 oh no", ContentType="text/csv")
    _, posted = subscriber.about(told["InferenceId"])
    assert posted["TopicArn"] == topics["error"]
    message = posted["Message"]
    assert message["invocationStatus"] == "Failed"
    assert message["failureReason"] == (
        "ClientError: Received server error (500) from model. See the SageMaker Endpoint logs in your "
        "account for more information."
    )
    assert message["requestParameters"]["contentType"] == "text/csv"
    assert message["requestParameters"]["endpointName"] == tells
    assert "responseBody" not in message


def test_an_answer_that_cannot_be_stored_is_a_failure(
    asynchronous: Asynchronous, subscriber: Subscriber, topics: dict[str, str]
) -> None:
    asynchronous.emulator.put("goes-away")
    name = asynchronous.endpoint(
        S3OutputPath="s3://goes-away/out", NotificationConfig={"ErrorTopic": topics["error"]}
    )
    asynchronous.emulator.client("s3").delete_bucket(Bucket="goes-away")
    told = asynchronous.invoke(name, "headers")
    _, posted = subscriber.about(told["InferenceId"])
    reason = 'ClientError: Response upload failed: No S3 bucket is named "goes-away".'
    assert posted["Message"]["failureReason"] == reason
    assert asynchronous.stored(told["FailureLocation"]).decode() == reason
    asynchronous.hosting.delete(name)
