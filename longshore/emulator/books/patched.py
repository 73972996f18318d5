"""What is put in the place of moto's own: the streams that FilterLogEvents looks at; which of IAM's policies
are pickled; how SNS calls an HTTP address; where the id of a request is written. For S3 see s3_patches.
Whoever patches undoes it at the end: moto may serve others in this process.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from contextlib import ExitStack
from typing import Any

import urllib3

from longshore.emulator.books.patching import put

_log = logging.getLogger("longshore.emulator")

# What follows the start tag of an envelope's request id: end tags alone, in S3's errors also a HostId.
_REST_OF_ENVELOPE = re.compile(r"[^<]*(</RequestId>\s*(?:<HostId>[^<]*</HostId>\s*)?(?:</\w+>\s*)+)")
_DELIVERY_SECONDS = 15.0  # SNS's own, for an address that does not answer


def filter_by_prefix(undo: ExitStack) -> None:
    """Until it is undone FilterLogEvents knows logStreamNamePrefix, which moto drops."""
    from moto.logs import responses as real

    responses: Any = real
    known = responses.LogsResponse.filter_log_events
    nobody = ["*"]  # no stream may be called so; an empty list would mean all of them

    def filter_log_events(response: Any) -> str:
        prefix = response._get_param("logStreamNamePrefix")
        group = response.logs_backend.groups.get(response._get_param("logGroupName"))
        if prefix and group is not None:
            names = [name for name in list(group.streams) if name.startswith(prefix)]
            response.body = json.dumps({**json.loads(response.body), "logStreamNames": names or nobody})
        return str(known(response))

    put(undo, responses.LogsResponse, "filter_log_events", filter_log_events)


def write_request_ids(undo: ExitStack) -> None:
    """Until it is undone moto writes the id of a request into the envelope of an XML response alone. moto
    itself replaces all between the first '<RequestId>' and the last end tag, in any data of any protocol.
    """
    from moto.core.responses import BaseResponse

    known = BaseResponse._enrich_response

    def enrich_response(headers: dict[str, Any], body: Any) -> tuple[dict[str, Any], Any]:
        headers, _ = known(headers, "")
        return headers, _with_request_id(body, headers["x-amzn-requestid"])

    put(undo, BaseResponse, "_enrich_response", staticmethod(enrich_response))


def _with_request_id(body: Any, request_id: str) -> Any:
    if not isinstance(body, str) or not body.startswith("<"):
        return body
    before, tag, after = body.rpartition("<RequestId>")
    rest = _REST_OF_ENVELOPE.fullmatch(after) if tag else None
    return before + tag + request_id + rest[1] if rest else body


def leave_out_aws_policies(undo: ExitStack) -> None:
    """Until it is undone IAM is pickled without AWS's own policies, 4 MB that never change, and gets them
    from moto again; those that are attached, or changed otherwise, are pickled. Their ids, which moto draws
    at random, are the same in each process, as they are on AWS.
    """
    from moto.iam.models import IAMBackend

    draw = IAMBackend._init_aws_policies

    def make(backend: Any) -> list[Any]:
        policies = draw(backend)
        for policy in policies:
            digest = hashlib.sha256(policy.arn.encode()).digest()
            policy.id = f"ANPA{base64.b32encode(digest).decode()[:17]}"
        return policies

    def get_state(backend: Any) -> dict[str, Any]:
        own = {policy.arn for policy in backend.aws_managed_policies}
        kept = [one for one in backend.aws_managed_policies if _is_used(one)]
        others = {arn: one for arn, one in list(backend.managed_policies.items()) if arn not in own}
        return {**backend.__dict__, "aws_managed_policies": kept, "managed_policies": others}

    def set_state(backend: Any, state: dict[str, Any]) -> None:
        backend.__dict__.update(state)
        own = {policy.arn: policy for policy in [*make(backend), *backend.aws_managed_policies]}
        backend.aws_managed_policies = list(own.values())
        backend.managed_policies = own | backend.managed_policies

    put(undo, IAMBackend, "_init_aws_policies", make)
    put(undo, IAMBackend, "__getstate__", get_state)
    put(undo, IAMBackend, "__setstate__", set_state)


def _is_used(policy: Any) -> bool:
    return bool(policy.attachment_count or policy.tags or len(policy.versions) > 1)


class _Requests:
    """Takes the place of the module `requests` in moto's SNS."""

    @staticmethod
    def post(url: str, *, json: dict[str, Any], headers: dict[str, str]) -> None:
        _deliver(url, json, headers)


def deliver_over_http(undo: ExitStack) -> None:
    """Until it is undone a subscriber's address that is gone, or hangs, holds up none of the others; moto
    waits for ever, follows redirects, and gives up at the first failure. The headers are SNS's. Calls after
    the first one do nothing.
    """
    from moto.sns import models as real

    models: Any = real
    if models.requests is not _Requests:
        put(undo, models, "requests", _Requests)


def _deliver(url: str, message: dict[str, Any], headers: dict[str, str]) -> None:
    about = {
        "x-amz-sns-message-type": message["Type"],
        "x-amz-sns-message-id": message["MessageId"],
        "x-amz-sns-topic-arn": message["TopicArn"],
    }
    try:
        with urllib3.PoolManager(retries=False, timeout=_DELIVERY_SECONDS) as http:
            status = http.request("POST", url, body=json.dumps(message), headers={**headers, **about}).status
        if status >= 400:
            _log.warning("SNS: %s answered %d", url, status)
    except urllib3.exceptions.HTTPError as error:
        _log.warning("SNS: %s did not take a message: %s", url, error)
