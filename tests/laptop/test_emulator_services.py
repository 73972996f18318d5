"""AWS's services other than SageMaker: which operations the emulator has, and how it refuses the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.session import get_session

from longshore.emulator.books import pickled
from longshore.emulator.books.services import SERVICES
from tests.laptop.test_gateway import answers
from tests.support import docker
from tests.support.emulator import REGION, ROLE, EmulatorProcess
from tests.support.minimal import parameters
from tests.support.server import free_port

_MISSING = docker.missing()

# The names of boto3's clients, where they differ from the names in signatures.
_CLIENTS = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
ALLOWED = [_CLIENTS.get(name, name) for name in SERVICES] + ["sagemaker", "sagemaker-metrics"]
# The query protocol of SQS is no longer in its model; old clients use it.
_OLD_PROTOCOLS = {"sqs": ("query",)}
# What no client may see: botocore's legacy and standard modes and the JavaScript SDK retry these.
RETRIED = {429, 500, 502, 503, 504, 509}
# s3control puts the account into the host name, which does not resolve; signin ignores the endpoint; sso
# signs nothing, so that nobody can tell what it is; and the last wants ARNs of its own.
_UNREACHABLE = {"s3control", "signin", "sso", "cloudfront-keyvaluestore"}
OTHERS = sorted({*boto3.Session().get_available_services()} - {*ALLOWED, *_UNREACHABLE})
_SHARES = 4
# EC2 has 800 more, each of them refused in the same line.
_EACH_OF_EC2 = 20
# Without this the response describes all instance types, which takes seconds to parse.
_NARROWED = {"DescribeInstanceTypes": {"InstanceTypes": ["m5.large"]}}
# The lines of the audit that are none of moto's: SageMaker's operations look for images.
_LOOKS_FOR_IMAGES = ("sagemaker",)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator that reports the programs it starts and the connections it opens."""
    emulator = EmulatorProcess(
        tmp_path_factory.mktemp("services"), program="tests.support.audited", MOTO_S3_DEFAULT_MAX_KEYS="1"
    )
    yield emulator
    emulator.close()


def client(emulator: EmulatorProcess, service: str, **config: Any) -> Any:
    """Return boto3's client, which asks the emulator even for operations with a host name of their own."""
    return boto3.client(
        service,
        endpoint_url=emulator.address,
        region_name=REGION,
        aws_access_key_id="longshore",
        aws_secret_access_key="longshore",
        config=Config(inject_host_prefix=False, s3={"addressing_style": "path"}, **config),
    )


def fault(asking: Any, operation: str) -> str | None:
    """Call an operation with minimal parameters; return what a client would trip over."""
    model = asking.meta.service_model.operation_model(operation)
    if model.has_event_stream_input:
        return None
    name = f"{asking.meta.service_model.service_name}:{operation}"
    try:
        request = parameters(model) | _NARROWED.get(operation, {})
        response = getattr(asking, xform_name(operation))(**request)
    except ClientError as error:
        response, said = error.response, error.response["Error"]
        # Responses to HEAD requests have no body.
        bare = model.http["method"] == "HEAD" and said["Code"] in ("404", "501")
        if not bare and (not said.get("Code") or said["Code"].isdigit()):
            return f"{name}: no code in {response}"
        if said["Code"] == "NotImplemented" and not said["Message"]:
            return f"{name}: no message"
    except Exception as error:  # noqa: BLE001  # such as the parser's, if the protocol is another one
        return f"{name}: {error!r}"
    about = response["ResponseMetadata"]
    if about["HTTPStatusCode"] in RETRIED or about.get("RetryAttempts"):
        return f"{name}: status {about['HTTPStatusCode']}, retries {about.get('RetryAttempts')}"
    return None


def audit(emulator: EmulatorProcess) -> list[str]:
    return [line for line in emulator.log.splitlines() if line.startswith("AUDIT")]


@pytest.mark.parametrize("name", SERVICES)
def test_the_list_has_the_names_of_botocores_models(name: str) -> None:
    model = get_session().get_service_model(_CLIENTS.get(name, name))
    service = SERVICES[name]
    assert model.signing_name == name
    assert service.target_prefix == model.metadata.get("targetPrefix", "")
    assert service.forms == bool(
        {"query", "ec2"} & {*model.metadata["protocols"], *_OLD_PROTOCOLS.get(name, "")}
    )
    assert {*service.operations, *service.refused} <= {*model.operation_names}
    assert not service.operations & service.refused.keys()


@pytest.mark.parametrize("service", ALLOWED)
def test_every_operation_is_answered_in_its_protocol(audited: EmulatorProcess, service: str) -> None:
    before = len(audit(audited))
    asking = client(audited, service)
    operations = asking.meta.service_model.operation_names
    if service == "ec2":
        operations = [*SERVICES["ec2"].operations, *operations[::_EACH_OF_EC2]]
    faults = [fault(asking, each) for each in operations]
    assert not [each for each in faults if each]
    assert "Traceback" not in audited.log
    if service not in _LOOKS_FOR_IMAGES:
        assert audit(audited)[before:] == [], "something was started, or a connection opened"


@pytest.mark.parametrize("share", range(_SHARES))
def test_every_other_service_is_refused_in_its_protocol(audited: EmulatorProcess, share: int) -> None:
    before = len(audit(audited))
    for service in OTHERS[share::_SHARES]:
        asking = client(audited, service, signature_version="v4")
        models = [*map(asking.meta.service_model.operation_model, asking.meta.service_model.operation_names)]
        simplest = min((each for each in models if not each.has_event_stream_input), key=_required)
        assert fault(asking, simplest.name) is None
    assert "Traceback" not in audited.log
    assert audit(audited)[before:] == []


@pytest.mark.parametrize("service", ALLOWED)
def test_an_unsigned_request_is_answered_in_its_protocol(audited: EmulatorProcess, service: str) -> None:
    asking = client(audited, service, signature_version=UNSIGNED)
    assert fault(asking, asking.meta.service_model.operation_names[0]) is None


def _required(operation: OperationModel) -> int:
    return len(operation.input_shape.required_members) if operation.input_shape else 0


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_a_refusal_is_not_retried(audited: EmulatorProcess, mode: str) -> None:
    batch = client(audited, "batch", retries={"mode": mode, "max_attempts": 3})
    with pytest.raises(ClientError, match="The emulator has no service batch") as caught:
        batch.describe_job_queues()
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_what_is_refused_often_is_one_line_of_the_log(audited: EmulatorProcess) -> None:
    sqs = client(audited, "sqs")
    for _ in range(3):
        with pytest.raises(ClientError, match="NotImplemented"):
            sqs.list_message_move_tasks(SourceArn="arn:aws:sqs:us-east-1:123456789012:none")
    assert audited.log.count("sqs:ListMessageMoveTasks") == 1


def test_settings_of_moto_in_the_environment_are_not_used(audited: EmulatorProcess) -> None:
    audited.put("two-objects", a=b"1", b=b"2")
    assert audited.keys("two-objects") == ["a", "b"]


def test_the_audit_notices_what_it_is_for(audited: EmulatorProcess) -> None:
    """SNS's deliveries are the only connections that moto may open."""
    sns = client(audited, "sns")
    topic = sns.create_topic(Name="audit")["TopicArn"]
    port = free_port()
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{port}/")
    before = len(audit(audited))
    sns.publish(TopicArn=topic, Message="nobody is there")
    assert [line for line in audit(audited)[before:] if "socket.connect" in line and str(port) in line]


def test_records_of_refused_services_are_not_restored() -> None:
    from moto.batch.models import BatchBackend, batch_backends

    old = BatchBackend("us-east-1", "210987654321")
    pickled.load({"batch 210987654321 us-east-1": pickled._pickled(old)})
    assert "210987654321" not in batch_backends


_BATCH = {
    "createcomputeenvironment": {"computeEnvironmentName": "a", "type": "UNMANAGED", "state": "ENABLED"},
    "createjobqueue": {"jobQueueName": "a", "priority": 1, "computeEnvironmentOrder": []},
    "registerjobdefinition": {"jobDefinitionName": "a", "type": "container", "containerProperties": {}},
    "submitjob": {"jobName": "a", "jobQueue": "a", "jobDefinition": "a"},
}
_LAMBDA = {"FunctionName": "a", "Role": ROLE, "Code": {"ImageUri": docker.BASE_IMAGE}, "PackageType": "Image"}
_SUBSCRIBE = urlencode(
    {
        "Action": "Subscribe",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:from-a-container",
        "Protocol": "http",
        "Endpoint": "http://127.0.0.1:22/",
    }
)


def _asked(service: str, path: str, body: str, content_type: str = "application/json") -> dict[str, Any]:
    return {"service": service, "path": path, "body": body, "headers": {"Content-Type": content_type}}


@pytest.mark.skipif(_MISSING is not None, reason=f"Docker: {_MISSING}")
def test_a_container_cannot_start_anything_through_the_gateway(emulator: EmulatorProcess, name: str) -> None:
    emulator.client("sns").create_topic(Name="from-a-container")
    starting = [
        *(_asked("batch", f"/v1/{path}", json.dumps(body)) for path, body in _BATCH.items()),
        _asked("lambda", "/2015-03-31/functions", json.dumps(_LAMBDA)),
        _asked("ecs", "/", "{}", "application/x-amz-json-1.1"),
        _asked("states", "/", "{}", "application/x-amz-json-1.0"),
        _asked("codebuild", "/", "{}", "application/x-amz-json-1.1"),
    ]
    subscribing = _asked("sns", "/", _SUBSCRIBE, "application/x-www-form-urlencoded")
    *started, subscribed = answers(emulator, name, *starting, subscribing)
    assert [status for status, _ in started] == [501] * len(starting)
    assert subscribed[0] == 403 and "<Code>AuthorizationError</Code>" in subscribed[1]
