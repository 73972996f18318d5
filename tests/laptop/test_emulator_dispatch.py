"""Requests for AWS's other services: that each is read in one way, and what the emulator adds to moto."""

from __future__ import annotations

import gzip
import json
import re
import time
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from tests.support.emulator import REGION, ROLE, EmulatorProcess
from tests.support.server import CHECKOUT, PATIENCE

FORM = "application/x-www-form-urlencoded"


def signed(service: str, *, region: str = REGION, **headers: str) -> dict[str, str]:
    credential = f"key/20260101/{region}/{service}/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/x-amz-json-1.1",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }


def ask(
    emulator: EmulatorProcess,
    headers: dict[str, str],
    path: str = "/",
    body: Any = None,
    method: str = "POST",
) -> requests.Response:
    data = body if isinstance(body, str) else json.dumps(body or {})
    return requests.request(method, emulator.address + path, data=data, headers=headers, timeout=PATIENCE)


SECRET = {"Name": "smuggled", "SecretString": "x"}
LIST = signed("secretsmanager", X_Amz_Target="secretsmanager.ListSecrets")


@pytest.mark.parametrize(
    ("status", "path", "headers"),
    [
        (200, "/?Action=CreateSecret", LIST),
        (200, "/", {**LIST, "Action": "CreateSecret"}),
        (501, "/", signed("secretsmanager", X_Amz_Target="secretsmanager.create_secret")),
        (501, "/", signed("secretsmanager", X_Amz_Target="secretsmanager.x.CreateSecret")),
        (501, "/", signed("secretsmanager", X_Amz_Target="Other.CreateSecret")),
        (501, "/", signed("secretsmanager", X_Amz_Target="secretsmanager.setup_class")),
        (501, "/?Action=CreateSecret", signed("secretsmanager")),
        (501, "/", signed("secretsmanager")),
        (501, "/", signed("ssm", X_Amz_Target="secretsmanager.CreateSecret")),
    ],
)
def test_the_target_alone_names_the_operation(
    emulator: EmulatorProcess, status: int, path: str, headers: dict[str, str]
) -> None:
    answer = ask(emulator, headers, path, SECRET)
    assert answer.status_code == status, answer.text
    assert emulator.client("secretsmanager").list_secrets()["SecretList"] == []


CREATE_USER = "Action=CreateUser&UserName=smuggled&Version=2010-05-08"
PRESIGNED = "X-Amz-Credential=key%2F20260101%2Fus-east-1%2F{}%2Faws4_request&X-Amz-Signature=0"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/?{CREATE_USER}", ""),
        ("POST", f"/?{CREATE_USER}", "Action=ListUsers&Version=2010-05-08"),
        ("POST", "/", f"Action=ListUsers&{CREATE_USER}"),
        ("POST", "/?Action=CreateUser&UserName=smuggled", ""),
    ],
)
def test_the_form_alone_names_the_operation(
    emulator: EmulatorProcess, method: str, path: str, body: str
) -> None:
    ask(emulator, {**signed("iam"), "Content-Type": FORM}, path, body, method)
    ask(emulator, {}, f"{path}{'&' if '?' in path else '?'}{PRESIGNED.format('iam')}", body, method)
    assert emulator.client("iam").list_users()["Users"] == []


def test_a_presigned_identity(emulator: EmulatorProcess) -> None:
    sts = emulator.client("sts")
    url = sts.generate_presigned_url("get_caller_identity")
    answer = requests.get(url, timeout=PATIENCE)
    assert answer.status_code == 200 and "<Account>123456789012</Account>" in answer.text


def test_the_callers_role_is_the_emulators(emulator: EmulatorProcess) -> None:
    caller = emulator.client("sts").get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::123456789012:assumed-role/longshore/SageMaker"
    # As get_execution_role() of the SageMaker SDKs derives the role.
    derived = re.sub(r"^(.+)sts::(\d+):assumed-role/(.+?)/.*$", r"\1iam::\2:role/\3", caller["Arn"])
    role = emulator.client("iam").get_role(RoleName=derived.rpartition("/")[2])["Role"]
    assert role["Arn"] == derived == ROLE
    assert caller["UserId"] == f"{role['RoleId']}:SageMaker"


def test_callers_with_issued_credentials_keep_their_identity(emulator: EmulatorProcess, name: str) -> None:
    iam = emulator.client("iam")
    user = iam.create_user(UserName=name)["User"]
    key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    assumed = emulator.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="session")
    for access_key, arn in (
        (key, user["Arn"]),
        (assumed["Credentials"]["AccessKeyId"], assumed["AssumedRoleUser"]["Arn"]),
    ):
        sts = boto3.client(
            "sts",
            endpoint_url=emulator.address,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key="any",
        )
        assert sts.get_caller_identity()["Arn"] == arn


def test_an_unsigned_role_with_web_identity(emulator: EmulatorProcess) -> None:
    form = f"Action=AssumeRoleWithWebIdentity&RoleArn={ROLE}&RoleSessionName=ab&WebIdentityToken=t"
    answer = ask(emulator, {"Content-Type": FORM}, "/", form)
    assert answer.status_code == 200 and "<AccessKeyId>" in answer.text


def test_the_region_is_the_signatures(emulator: EmulatorProcess, name: str) -> None:
    create = {"X_Amz_Target": "Logs_20140328.CreateLogGroup", "User_Agent": "any region/eu-west-1"}
    assert ask(emulator, signed("logs", **create), body={"logGroupName": name}).status_code == 200
    found = emulator.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [each["arn"].split(":")[3] for each in found] == [REGION]
    refused = ask(emulator, signed("logs", region="eu-west-1", **create), body={"logGroupName": "other"})
    assert refused.status_code == 400 and "--region eu-west-1" in refused.json()["message"]
    # IAM is signed for us-east-1 by clients of all regions.
    roles = {**signed("iam", region="eu-west-1"), "Content-Type": FORM}
    assert ask(emulator, roles, body="Action=ListRoles&Version=2010-05-08").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/moto-api/reset"),
        ("GET", "/moto-api/data.json"),
        ("POST", "/moto-api/config"),
        ("GET", "/latest/meta-data/iam/security-credentials/"),
        ("GET", "/latest/api/token"),
        ("GET", "/pool_id/.well-known/jwks.json"),
        ("POST", "/batch_us-east-1/v1/submitjob"),
    ],
)
def test_paths_that_moto_has_for_itself_are_buckets(
    emulator: EmulatorProcess, name: str, method: str, path: str
) -> None:
    emulator.put(name, **{"an-object": b"1"})
    answer = requests.request(method, emulator.address + path, timeout=PATIENCE)
    assert answer.status_code >= 400 and answer.text.lstrip().startswith("<?xml")
    assert emulator.keys(name) == ["an-object"]


def test_the_control_api_of_s3_is_no_bucket(emulator: EmulatorProcess) -> None:
    headers = {**signed("s3"), "x-amz-account-id": "123456789012"}
    answer = ask(emulator, headers, "/v20180820/configuration/publicAccessBlock", method="GET")
    assert answer.status_code == 501 and "no service s3control" in answer.text
    emulator.put("v20180820", key=b"1")
    assert emulator.get("v20180820", "key") == b"1"


@pytest.mark.parametrize("authorization", ["AWS4", "AWS4-HMAC-SHA256 Credential=key/20260101, Signature=0"])
def test_a_signature_without_a_scope(emulator: EmulatorProcess, authorization: str) -> None:
    answer = ask(emulator, {"Authorization": authorization}, "/some-bucket", method="PUT")
    assert answer.status_code == 400 and "<Code>AuthorizationHeaderMalformed</Code>" in answer.text


@pytest.mark.parametrize("body", ["x", "[]", "[" * 100_000, '"text"', "\x00", "{"])
@pytest.mark.parametrize(
    "target", ["Logs_20140328.DescribeLogGroups", "TrentService.ListKeys", "AmazonSQS.ListQueues"]
)
def test_a_body_that_is_not_json(emulator: EmulatorProcess, target: str, body: str) -> None:
    answer = ask(emulator, {"X-Amz-Target": target}, body=body)
    assert answer.status_code == 400
    assert answer.json()["__type"] == "SerializationException"


def test_services_with_two_protocols_have_both(emulator: EmulatorProcess, name: str) -> None:
    forms = {**signed("sqs"), "Content-Type": FORM}
    created = ask(emulator, forms, body=f"Action=CreateQueue&QueueName={name}&Version=2012-11-05")
    assert created.status_code == 200 and "<CreateQueueResponse" in created.text
    # Some clients send to the path of the queue.
    target = signed("sqs", X_Amz_Target="AmazonSQS.GetQueueAttributes")
    queue = emulator.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    path = f"/123456789012/{name}"
    assert "Attributes" in ask(emulator, target, path, {"QueueUrl": queue, "AttributeNames": ["All"]}).json()
    metrics = {**signed("monitoring"), "Content-Type": FORM}
    listed = ask(emulator, metrics, body="Action=ListMetrics&Version=2010-08-01")
    assert listed.status_code == 200 and "<ListMetricsResponse" in listed.text
    refused = ask(emulator, metrics, body="Action=PutMetricStream&Version=2010-08-01")
    assert refused.status_code == 501 and "<Code>NotImplemented</Code>" in refused.text


def test_cbor_is_refused_in_cbor(emulator: EmulatorProcess) -> None:
    headers = {**signed("monitoring"), "Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"}
    answer = ask(emulator, headers, "/service/GraniteServiceVersion20100801/operation/ListMetrics")
    assert answer.status_code == 501
    assert answer.headers["Content-Type"] == "application/cbor"
    assert b"NotImplemented" in answer.content


def test_no_answer_has_a_cors_header(emulator: EmulatorProcess) -> None:
    for headers in (signed("s3"), {**signed("sts"), "Content-Type": FORM}):
        answer = ask(emulator, {**headers, "Origin": emulator.address}, body="Action=GetCallerIdentity")
        assert not [each for each in answer.headers if each.lower().startswith("access-control-")]


def test_a_gzip_bomb_is_refused(emulator: EmulatorProcess) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    headers = {**signed("logs", X_Amz_Target="Logs_20140328.PutLogEvents"), "Content-Encoding": "gzip"}
    answer = requests.post(emulator.address, data=bomb, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 413


PACKED = gzip.compress(b"Action=CreateTopic&Name=packed&Version=2010-03-31&Filler=" + bytes(range(256)))
PACKED_FORMS = {**signed("sns"), "Content-Type": FORM, "Content-Encoding": "gzip"}


NO_GZIP = {
    "one byte short": PACKED[:-1],
    "without its checksum": PACKED[:-8],
    "without its end": PACKED[:-60],
    "half a header": PACKED[:5],
    "a wrong checksum": PACKED[:-8] + bytes(8),
    "followed by something": PACKED + b"x",
    "another format": b"x",
}


@pytest.mark.parametrize("what", NO_GZIP)
def test_a_gzip_body_that_is_cut_off_or_damaged_is_refused(emulator: EmulatorProcess, what: str) -> None:
    answer = requests.post(emulator.address, data=NO_GZIP[what], headers=PACKED_FORMS, timeout=PATIENCE)
    assert answer.status_code == 400 and "<Code>SerializationException</Code>" in answer.text
    topics = emulator.client("sns").list_topics()["Topics"]
    assert not [each for each in topics if each["TopicArn"].endswith(":packed")]


def test_a_gzip_body_of_several_members_is_read_to_its_end(emulator: EmulatorProcess) -> None:
    body = gzip.compress(b"Action=CreateTopic&Version=2010-") + gzip.compress(b"03-31&Name=of-members")
    answer = requests.post(emulator.address, data=body, headers=PACKED_FORMS, timeout=PATIENCE)
    assert answer.status_code == 200 and ":of-members</TopicArn>" in answer.text


def test_a_simulated_policy_allows_everything(emulator: EmulatorProcess) -> None:
    iam = emulator.client("iam")
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=ROLE,
        ActionNames=["s3:GetObject", "sagemaker:*"],
        ResourceArns=["*", "arn:aws:s3:::a"],
    )
    results = [each for page in pages for each in page["EvaluationResults"]]
    assert [each["EvalActionName"] for each in results] == 2 * ["s3:GetObject"] + 2 * ["sagemaker:*"]
    assert {each["EvalDecision"] for each in results} == {"allowed"}
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="role none cannot be found"):
        iam.simulate_principal_policy(PolicySourceArn=f"{ROLE[:-9]}none", ActionNames=["s3:GetObject"])
    custom = iam.simulate_custom_policy(PolicyInputList=["{}"], ActionNames=["s3:GetObject"])
    assert custom["EvaluationResults"][0]["EvalResourceName"] == "*"


def test_resources_are_found_by_their_tags(emulator: EmulatorProcess, name: str) -> None:
    sagemaker, tagging = emulator.client("sagemaker"), emulator.client("resourcegroupstaggingapi")
    arns = {}
    for kind in ("a", "b", "none"):
        tags = [{"Key": "test", "Value": name}, {"Key": "kind", "Value": kind}] if kind != "none" else []
        variant = {"VariantName": "v", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
        image = {"Image": f"host:{CHECKOUT}"}
        model = f"{name}-{kind}"
        made = sagemaker.create_model(
            ModelName=model, ExecutionRoleArn=ROLE, PrimaryContainer=image, Tags=tags
        )
        arns[kind] = made["ModelArn"]
        sagemaker.create_endpoint_config(
            EndpointConfigName=model, ProductionVariants=[{**variant, "ModelName": model}], Tags=tags
        )
    mine = {"Key": "test", "Values": [name]}

    def found(*filters: dict[str, Any], **options: Any) -> list[str]:
        pages = tagging.get_paginator("get_resources").paginate(TagFilters=filters, **options)
        return [each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]]

    models = {"ResourceTypeFilters": ["sagemaker:model"]}
    assert found(mine, **models) == [arns["a"], arns["b"]]
    assert found(mine, {"Key": "kind", "Values": ["b", "c"]}, **models) == [arns["b"]]
    assert found(mine, {"Key": "missing"}) == []
    assert len(found(mine)) == len(found(mine, ResourcesPerPage=1)) == 4
    assert tagging.get_resources(ResourceARNList=[arns["a"]])["ResourceTagMappingList"] == [
        {"ResourceARN": arns["a"], "Tags": [{"Key": "test", "Value": name}, {"Key": "kind", "Value": "a"}]}
    ]
    with pytest.raises(ClientError, match="not of s3") as caught:
        found(ResourceTypeFilters=["s3"])
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_nothing_scales(emulator: EmulatorProcess) -> None:
    scaling = emulator.client("application-autoscaling")
    assert scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"] == []


def test_log_groups_by_pattern_and_page(emulator: EmulatorProcess) -> None:
    logs = emulator.client("logs")
    for group in ("/pattern/a", "/pattern/b", "/pattern/c", "no-pattern"):
        logs.create_log_group(logGroupName=group)

    def names(**options: Any) -> list[str]:
        return [each["logGroupName"] for each in logs.list_log_groups(**options)["logGroups"]]

    assert names(logGroupNamePattern="^/pattern") == ["/pattern/a", "/pattern/b", "/pattern/c"]
    assert names(logGroupNamePattern="ern/b|no-pat") == ["/pattern/b", "no-pattern"]
    first = logs.list_log_groups(logGroupNamePattern="^/pattern", limit=2)
    assert names(logGroupNamePattern="^/pattern", nextToken=first["nextToken"]) == ["/pattern/c"]
    for limit in ("x", 0, 1001, [1], True):
        target = signed("logs", X_Amz_Target="Logs_20140328.ListLogGroups")
        answer = ask(emulator, target, body={"limit": limit})
        assert (answer.status_code, answer.json()["__type"]) == (400, "InvalidParameterException")


def test_logs_insights_queries(emulator: EmulatorProcess, name: str) -> None:
    logs = emulator.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now - 2000 + 1000 * n, "message": f"line {n}"} for n in range(3)]
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
    period = {"logGroupName": name, "startTime": now // 1000 - 60, "endTime": now // 1000 + 60}

    def lines(query: str) -> list[str]:
        started = logs.start_query(queryString=query, **period)["queryId"]
        results = logs.get_query_results(queryId=started)["results"]
        return [each["value"] for row in results for each in row if each["field"] == "@message"]

    assert lines("fields @timestamp, @message | sort @timestamp asc | limit 2") == ["line 0", "line 1"]
    assert lines("fields @message | sort @timestamp desc | limit 1") == ["line 2"]
    for query in ("fields @message | filter @message like /2/", "stats count(*)", "sort @message", ""):
        with pytest.raises(ClientError, match="Logs Insights has no") as caught:
            lines(query)
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_query_results(queryId="none")


STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}
NO_POLICIES = {
    "no JSON": "no JSON",
    "a text": '"x"',
    "null": "null",
    "deep": "[" * 100_000,
    "a list": "[]",
    "no statement": "{}",
    "an empty list": {"Statement": []},
    "a statement that is a number": {"Statement": [1]},
    "a statement that is a text": {"Statement": "x"},
    "no effect": {"Statement": [{**STATEMENT, "Effect": 2}]},
    "an action that is a number": {"Statement": [{**STATEMENT, "Action": [1]}]},
    "an empty resource": {"Statement": {**STATEMENT, "Resource": []}},
    "two actions": {"Statement": {**STATEMENT, "NotAction": "s3:GetObject"}},
    "a principal that is a name": {"Statement": {**STATEMENT, "Principal": "me"}},
    "a principal that is a list": {"Statement": {**STATEMENT, "Principal": {"AWS": [{}]}}},
    "a condition that is a text": {"Statement": {**STATEMENT, "Condition": {"StringEquals": "x"}}},
    **{
        f"no {name}": {"Statement": [{each: STATEMENT[each] for each in STATEMENT if each != name}]}
        for name in STATEMENT
    },
}


@pytest.mark.parametrize("what", NO_POLICIES)
def test_a_policy_of_a_bucket_is_checked_when_it_is_put(
    emulator: EmulatorProcess, name: str, what: str
) -> None:
    emulator.put(name, key=b"1")
    policy = NO_POLICIES[what]
    document = policy if isinstance(policy, str) else json.dumps(policy)
    with pytest.raises(ClientError) as caught:
        emulator.client("s3").put_bucket_policy(Bucket=name, Policy=document)
    assert caught.value.response["Error"]["Code"] == "MalformedPolicy"
    assert emulator.get(name, "key") == b"1"


def test_a_policy_of_a_bucket_may_have_any_text(emulator: EmulatorProcess, name: str) -> None:
    emulator.put(name, key=b"1", **{"(a": b"2"})
    denied = {**STATEMENT, "Effect": "Deny", "Resource": [f"arn:aws:s3:::{name}/(*", "[", "arn:?x"]}
    principals: tuple[Any, ...] = ("*", {"AWS": ["123456789012", ROLE]}, {"Service": "s3.amazonaws.com"})
    for principal in principals:
        policy = {"Version": "2012-10-17", "Id": "i", "Statement": [{**denied, "Principal": principal}]}
        emulator.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
        assert emulator.get(name, "key") == b"1"
        with pytest.raises(ClientError, match="AccessDenied"):
            emulator.client("s3").get_object(Bucket=name, Key="(a")
