"""Operations that moto lacks, and checks in front of some that it has. Each is a method of moto's response
classes and is installed when its service is first asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Any

from longshore.emulator.books.bucket_names import refuse_invalid_names
from longshore.emulator.books.bucket_policies import check_policies
from longshore.emulator.books.patching import put
from longshore.emulator.books.s3_documents import read_empty_tags
from longshore.emulator.books.sns_deliveries import check_address, deliver_over_http
from longshore.emulator.faults import AwsError, not_implemented

ROLE = "longshore"  # a role that is there from the start
_SESSION = "SageMaker"  # as SageMaker calls its own
_DELIVERING = ("http", "https", "sqs")
_FIELD = r"@(timestamp|message|logStream|log)"
_COMMAND = re.compile(
    rf"\s*(fields\s+{_FIELD}(\s*,\s*{_FIELD})*|sort\s+@timestamp(\s+(asc|desc))?|limit\s+\d+)\s*",
    re.IGNORECASE,
)


def install(package: str, undo: ExitStack) -> None:
    """Add to one of moto's packages what is here for it."""
    for each in _FOR.get(package, ()):
        each(undo)


def _simulate_policies(undo: ExitStack) -> None:
    from moto.core.responses import ActionResult
    from moto.iam.responses import IamResponse

    def simulate_custom_policy(response: Any) -> ActionResult:
        """Allow everything: the emulator has no permissions."""
        allowed = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": "allowed",
                "MatchedStatements": [],
                "MissingContextValues": [],
            }
            for action in response._get_param("ActionNames", [])
            for resource in response._get_param("ResourceArns") or ["*"]
        ]
        return ActionResult({"EvaluationResults": allowed, "IsTruncated": False})

    def simulate_principal_policy(response: Any) -> ActionResult:
        arn = response._get_param("PolicySourceArn")
        backend = response.backend
        kind, _, name = arn.rpartition(":")[2].partition("/")
        principals = {"role": backend.get_roles(), "user": backend.users.values()}.get(
            kind, backend.groups.values()
        )
        if all(each.arn != arn for each in principals):
            raise AwsError("NoSuchEntity", f"The {kind} {name} cannot be found.", 404)
        return simulate_custom_policy(response)

    put(undo, IamResponse, "simulate_custom_policy", simulate_custom_policy)
    put(undo, IamResponse, "simulate_principal_policy", simulate_principal_policy)


def _list_scaling_activities(undo: ExitStack) -> None:
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

    def describe_scaling_activities(_: Any) -> str:
        return json.dumps({"ScalingActivities": []})  # nothing scales

    put(
        undo,
        ApplicationAutoScalingResponse,
        "describe_scaling_activities",
        describe_scaling_activities,
    )


def _list_log_groups(undo: ExitStack) -> None:
    from moto.logs.responses import LogsResponse

    def list_log_groups(response: Any) -> str:
        pattern = response._get_param("logGroupNamePattern") or ""
        limit = response._get_param("limit", 50)
        if type(limit) is not int or not 1 <= limit <= 1000:
            raise AwsError("InvalidParameterException", "limit must be an integer between 1 and 1000.")
        after = response._get_param("nextToken") or ""
        parts = pattern.removeprefix("^").split("|")
        begins = pattern.startswith("^")

        def matches(name: str) -> bool:
            return any(name.startswith(part) if begins else part in name for part in parts)

        groups = [
            {"logGroupName": name, "logGroupArn": group.arn, "logGroupClass": "STANDARD"}
            for name, group in sorted(response.logs_backend.groups.items())
            if matches(name) and name > after
        ]
        more = {"nextToken": groups[limit - 1]["logGroupName"]} if len(groups) > limit else {}
        return json.dumps({"logGroups": groups[:limit], **more})

    put(undo, LogsResponse, "list_log_groups", list_log_groups)


def _check_queries(undo: ExitStack) -> None:
    """Refuse the commands of Logs Insights that moto ignores."""
    from moto.logs.responses import LogsResponse

    start, results = LogsResponse.start_query, LogsResponse.get_query_results

    def start_query(response: Any) -> str:
        query = response._get_param("queryString") or ""
        for command in query.split("|"):
            if not _COMMAND.fullmatch(command):
                raise not_implemented(
                    f"The emulator's Logs Insights has no {command.strip()!r}: it has 'fields' with "
                    "@timestamp, @message, @logStream and @log, 'sort @timestamp' and 'limit'. "
                    "Use FilterLogEvents to filter."
                )
        return start(response)

    def get_query_results(response: Any) -> str:
        query = response._get_param("queryId")
        if query not in response.logs_backend.queries:
            raise AwsError("ResourceNotFoundException", f"There is no query {query}.")
        return results(response)

    put(undo, LogsResponse, "start_query", start_query)
    put(undo, LogsResponse, "get_query_results", get_query_results)


def _restrict_subscriptions(undo: ExitStack) -> None:
    """Let SNS accept only what it can deliver, and HTTP addresses only from this machine.

    A container could otherwise have the emulator send requests to this machine's loopback and its network.
    """
    from moto.sns.responses import SNSResponse

    subscribe, publish = SNSResponse.subscribe, SNSResponse.publish

    def checked_subscribe(response: Any) -> Any:
        protocol = str(response._get_param("Protocol"))
        if protocol not in _DELIVERING:
            known = ", ".join(_DELIVERING)
            raise not_implemented(f"The emulator delivers to {known} subscriptions, not to {protocol}.")
        if protocol != "sqs":
            _check_subscriber(str(response._get_param("Endpoint")), response.normalized_request.environ)
        return subscribe(response)

    def checked_publish(response: Any) -> Any:
        if response._get_param("PhoneNumber"):
            raise not_implemented("The emulator sends no text messages.")
        if not (response._get_param("TopicArn") or response._get_param("TargetArn")):
            raise AwsError("InvalidParameter", "Invalid parameter: TopicArn or TargetArn: one is required.")
        return publish(response)

    put(undo, SNSResponse, "subscribe", checked_subscribe)
    put(undo, SNSResponse, "publish", checked_publish)


def _check_subscriber(endpoint: str, environ: dict[str, Any]) -> None:
    if not ip_address(environ["REMOTE_ADDR"]).is_loopback:
        raise AwsError("AuthorizationError", "A container may not subscribe an HTTP address.", 403)
    check_address(endpoint, int(environ["SERVER_PORT"]))


def _restrict_notifications(undo: ExitStack) -> None:
    """Let S3 notify only services that are there."""
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    send = notifications._send_sns_message

    def send_sns_message(*event: Any) -> None:
        deliver_over_http(undo)  # only now, because moto's SNS takes long to import
        send(*event)

    put(undo, notifications, "_send_sns_message", send_sns_message)
    known = S3Backend.put_bucket_notification_configuration

    def put_bucket_notification_configuration(backend: Any, bucket: str, configuration: Any) -> None:
        for name in ("CloudFunctionConfiguration", "EventBridgeConfiguration"):
            if name in configuration:
                raise not_implemented(f"The emulator's S3 notifies SNS topics and SQS queues, no {name}.")
        known(backend, bucket, configuration)

    put(undo, S3Backend, "put_bucket_notification_configuration", put_bucket_notification_configuration)


def _name_the_callers_role(undo: ExitStack) -> None:
    """Answer GetCallerIdentity with the emulator's role, as in a SageMaker job, instead of moto's user."""
    from moto.iam.models import iam_backends
    from moto.sts.models import STSBackend

    known = STSBackend.get_caller_identity

    def get_caller_identity(backend: Any, access_key: str, region: str) -> tuple[str, str, str]:
        user, arn, account = known(backend, access_key, region)
        if not arn.endswith(":user/moto"):  # of a user or a role whose credentials were issued here
            return user, arn, account
        roles = iam_backends[backend.account_id][backend.partition].get_roles()
        role = next((each.id for each in roles if each.name == ROLE), "AROAIOSFODNN7EXAMPLE")
        arn = f"arn:{backend.partition}:sts::{account}:assumed-role/{ROLE}/{_SESSION}"
        return f"{role}:{_SESSION}", arn, account

    put(undo, STSBackend, "get_caller_identity", get_caller_identity)


_FOR: dict[str, tuple[Callable[[ExitStack], None], ...]] = {
    "iam": (_simulate_policies,),
    "applicationautoscaling": (_list_scaling_activities,),
    "logs": (_list_log_groups, _check_queries),
    "sns": (_restrict_subscriptions, deliver_over_http),
    "s3": (_restrict_notifications, check_policies, read_empty_tags, refuse_invalid_names),
    "sts": (_name_the_callers_role,),
}
