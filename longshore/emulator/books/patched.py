"""What is put in the place of moto's own: the streams that FilterLogEvents looks at; which of IAM's policies
are pickled; where the id of a request is written. For S3 see s3_patches, for SNS sns_deliveries.
Whoever patches undoes it at the end: moto may serve others in this process.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import ExitStack
from typing import Any

from longshore.emulator.books.patching import put

# What follows the start tag of an envelope's request id: end tags alone, in S3's errors also a HostId.
_REST_OF_ENVELOPE = re.compile(r"[^<]*(</RequestId>\s*(?:<HostId>[^<]*</HostId>\s*)?(?:</\w+>\s*)+)")


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
