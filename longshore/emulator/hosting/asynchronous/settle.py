"""What becomes of an asynchronous invocation in the end: an object in S3, a line in the log, a notice by SNS.

Its record goes once the object is there: an emulator that is killed before that does it all again.
"""

from __future__ import annotations

import base64
import datetime
import json
import logging
import time
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.hosting.asynchronous.post import Answer, Failed
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.s3_uri import parse_s3_uri
from longshore.limits import ASYNC_NOTICE_BYTES_MAX

_log = logging.getLogger("longshore.emulator")


def succeeded(platform: Platform, invocation: Record, answer: Answer) -> None:
    """Store the answer, and tell; as failed where it cannot be stored."""
    size = answer.path.stat().st_size
    body = answer.path.read_bytes() if size <= ASYNC_NOTICE_BYTES_MAX else None
    try:
        platform.books.write(
            *parse_s3_uri(invocation["OutputLocation"]), answer.path, content_type=answer.content_type
        )
    except (AwsError, OSError) as error:
        what = error.message if isinstance(error, AwsError) else str(error)
        failed(platform, invocation, Failed(f"ClientError: Response upload failed: {what}"))
        return
    finally:
        answer.path.unlink(missing_ok=True)
    notice = _notice(platform, invocation, "Completed")
    notice["responseParameters"] = {
        "contentType": answer.content_type or "",
        "outputLocation": invocation["OutputLocation"],
    }
    _end(platform, invocation, 200, "Success", notice, body)


def failed(platform: Platform, invocation: Record, failure: Failed, stream: str | None = None) -> None:
    """Store what the container said, or why there is no answer, and tell.

    stream: that of the instance it was on, 'VARIANT/ID'.
    """
    body = str(failure).encode() if failure.body is None else failure.body
    if stream is not None:
        _log_failure(platform, invocation, failure, stream)
    if "FailureLocation" in invocation:
        kind = "text/plain" if failure.body is None else failure.content_type
        try:
            platform.books.write(*parse_s3_uri(invocation["FailureLocation"]), body or b"", content_type=kind)
        except (AwsError, OSError) as error:
            _log.warning("asynchronous invocation %s: %s (%s)", invocation["InferenceId"], failure, error)
    notice = {**_notice(platform, invocation, "Failed"), "failureReason": str(failure)}
    _end(platform, invocation, 424, "Error", notice, body)


def _end(
    platform: Platform,
    invocation: Record,
    status: int,
    topic: str,
    notice: dict[str, Any],
    body: bytes | None,
) -> None:
    name = invocation["EndpointName"]
    platform.records.delete("async-invocation", invocation["AsyncInvocationName"])
    if platform.endpoints.live(name) is not None:
        platform.latency.add(name, 1000 * (time.time() - invocation["CreationTime"]), status)
    config = invocation["NotificationConfig"]
    if f"{topic}Topic" not in config:
        return
    included = f"{topic.upper()}_NOTIFICATION_TOPIC" in config.get("IncludeInferenceResponseIn", ())
    if included and body is not None and len(body) <= ASYNC_NOTICE_BYTES_MAX:
        notice["responseBody"] = {"content": base64.b64encode(body).decode(), "encoding": "BASE64"}
    if not platform.books.publish(config[f"{topic}Topic"], json.dumps(notice)):
        _log.warning("endpoint %s: there is no SNS topic %s", name, config[f"{topic}Topic"])


def _notice(platform: Platform, invocation: Record, status: str) -> dict[str, Any]:
    """The members that both kinds have."""
    asked = {
        "accept": invocation.get("Accept"),
        "contentType": invocation.get("ContentType"),
        "customAttributes": invocation.get("CustomAttributes"),
        "endpointName": invocation["EndpointName"],
        "inputLocation": invocation.get("InputLocation"),
    }
    return {
        "awsRegion": platform.region,
        "eventTime": _written(time.time()),
        "receivedTime": _written(invocation["CreationTime"]),
        "invocationStatus": status,
        "requestParameters": {name: value for name, value in asked.items() if value is not None},
        "inferenceId": invocation["InferenceId"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _log_failure(platform: Platform, invocation: Record, failure: Failed, stream: str) -> None:
    now = time.time()
    line = f"{_written(now)[:-1]}:[sagemaker logs] [{invocation['InferenceId']}] {failure.detail}"
    platform.books.log(
        f"/aws/sagemaker/Endpoints/{invocation['EndpointName']}", f"{stream}/data-log", [(now, line)]
    )


def _written(when: float) -> str:
    """'2025-09-28T07:28:43.333Z'"""
    stamp = datetime.datetime.fromtimestamp(when, datetime.UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")
