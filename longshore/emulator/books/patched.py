"""What is put in the place of moto's own: how S3 keeps its objects, and puts an upload's parts together; the
streams that FilterLogEvents looks at; which of IAM's policies are pickled; how SNS calls an HTTP address.
Whoever patches undoes it at the end: moto may serve others in this process.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import urllib3

from longshore.emulator.books.objects import Content, Shelf
from longshore.emulator.books.patching import put

_log = logging.getLogger("longshore.emulator")

_DELIVERY_SECONDS = 15.0  # SNS's own, for an address that does not answer


def keep_on(shelf: Shelf, undo: ExitStack) -> None:
    """Until it is undone moto's objects are on this shelf, and none of them is in memory as a whole."""
    from moto.s3 import models as real

    models: Any = real

    class _Files:
        @staticmethod
        def SpooledTemporaryFile(*_: Any, **__: Any) -> Content:
            return shelf.new()

    def get_state(key: Any) -> dict[str, Any]:
        state = {**key.__dict__, "_value_buffer": key._value_buffer.number}
        del state["lock"]
        return state

    def set_state(key: Any, state: dict[str, Any]) -> None:
        key.__dict__.update(state)
        key._value_buffer = shelf.restored(state["_value_buffer"])
        key.lock = threading.Lock()

    def set_value(key: Any, value: bytes | Path) -> None:
        key._value_buffer.seek(0)
        key.contentsize = key._value_buffer.write(value)

    def etag(key: Any) -> str:
        # By a stream of its own: several threads may ask at once, and moto's reads share one position.
        if key._etag is None:
            with key._value_buffer.open() as content:
                key._etag = hashlib.file_digest(
                    content, lambda: hashlib.md5(usedforsecurity=False)
                ).hexdigest()
        return f'"{key._etag}"'

    def complete(multipart: Any, body: Iterable[tuple[int, str]]) -> tuple[Path, str, Any]:
        wanted = list(body)
        parts = [multipart.parts.get(number) for number, _ in wanted]
        if not parts:
            raise models.MalformedXML
        etags = [etag.strip('"') for _, etag in wanted]
        if any(part is None or part.etag.strip('"') != etag for part, etag in zip(parts, etags, strict=True)):
            raise models.InvalidPart()
        if any(part.contentsize < models.S3_UPLOAD_PART_MIN_SIZE for part in parts[:-1]):
            raise models.EntityTooSmall()
        algorithm = multipart.metadata.get("x-amz-checksum-algorithm")
        checksum = None  # one over the whole would need all of it in memory
        if algorithm and multipart.metadata.get("x-amz-checksum-type", "COMPOSITE") == "COMPOSITE":
            builder = models.MultipartChecksumBuilder(algorithm, "COMPOSITE")
            for part in parts:
                builder.addPart(part.value)
            checksum = builder.build()
        together = hashlib.md5(b"".join(bytes.fromhex(etag) for etag in etags), usedforsecurity=False)
        # Now, because moto drops the parts before it makes the object.
        whole = shelf.join([part._value_buffer for part in parts])
        return whole, f"{together.hexdigest()}-{len(parts)}", checksum

    put(undo, models.FakeKey, "value", property(models.FakeKey.value.fget, set_value))
    put(undo, models.FakeKey, "etag", property(etag))
    put(undo, models.FakeKey, "__getstate__", get_state)
    put(undo, models.FakeKey, "__setstate__", set_state)
    put(undo, models.FakeMultipart, "complete", complete)
    put(undo, models, "tempfile", _Files)


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
