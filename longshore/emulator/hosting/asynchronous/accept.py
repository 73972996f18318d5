"""InvokeEndpointAsync: checks a request, says where its answer will be, and leaves the rest to the queue."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from longshore.aws import service_model
from longshore.emulator.bodies import read_limited
from longshore.emulator.faults import AwsError, request_id
from longshore.emulator.hosting.invocation import check_in_service, in_service
from longshore.emulator.platform import Platform
from longshore.emulator.records import Record
from longshore.emulator.s3_uri import parse_s3_uri
from longshore.emulator.validation import validate
from longshore.limits import ASYNC_INLINE_BYTES_MAX, ASYNC_TIMEOUT_SECONDS, ASYNC_TTL_SECONDS_RANGE

_OPERATION = "InvokeEndpointAsync"
_SERVICE = "sagemaker-runtime"


def invoke_async(
    platform: Platform, name: str, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """202 at once, with the places of the answer and of what may become of it instead."""
    try:
        request = _request(environ)
    except AwsError as error:
        if error.code != "ValidationException":
            raise
        raise AwsError("ValidationError", error.message) from None  # as this service spells it
    deployment = in_service(platform, name, asynchronous=True)
    invocation = _invocation(name, request, deployment.config["AsyncInferenceConfig"]["OutputConfig"])
    while not platform.backlogs.add(invocation):
        check_in_service(platform, name)
    answer = json.dumps({"InferenceId": invocation["InferenceId"]}).encode()
    places = [
        (f"X-Amzn-SageMaker-{place}", invocation[place])
        for place in ("OutputLocation", "FailureLocation")
        if place in invocation
    ]
    start_response(
        "202 Accepted",
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(answer))),
            *places,
            *request_id(),
        ],
    )
    return [answer]


def _request(environ: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's members; Body in base64, so that it can be kept with the rest."""
    body = read_limited(environ, ASYNC_INLINE_BYTES_MAX)
    if body is None:
        raise AwsError(
            "ValidationException",
            f"A Body has {ASYNC_INLINE_BYTES_MAX} bytes at most: put more into S3, and name the object in "
            "InputLocation.",
        )
    request = dict(_headers(environ))
    validate(_OPERATION, {**request, "EndpointName": "checked-elsewhere"}, _SERVICE)
    if ("InputLocation" in request) == bool(body):
        raise AwsError("ValidationException", "Name either an InputLocation or a Body, and not both.")
    if body:
        request["Body"] = base64.b64encode(body).decode()
    else:
        parse_s3_uri(request["InputLocation"])
    return request


def _headers(environ: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    members = service_model(_SERVICE).operation_model(_OPERATION).input_shape.members
    for name, shape in members.items():
        if shape.serialization.get("location") != "header":
            continue
        value = environ.get("HTTP_" + shape.serialization["name"].upper().replace("-", "_"))
        if not value:
            continue
        if shape.type_name != "integer":
            yield name, value
        elif re.fullmatch("[0-9]{1,18}", value):
            yield name, int(value)
        else:
            raise AwsError("ValidationException", f"{name} is {value[:40]!r}, which is no whole number.")


def _invocation(name: str, request: dict[str, Any], output: Mapping[str, Any]) -> Record:
    """All that is to be known of it later, whatever becomes of the endpoint's configuration meanwhile."""
    inference_id = request.get("InferenceId", str(uuid.uuid4()))
    file = request.get("Filename", f"{inference_id}.out")
    extension = request.get("S3OutputPathExtension", "").strip("/")
    folder = f"{extension}/" if extension else ""
    places = {"OutputLocation": str(parse_s3_uri(output["S3OutputPath"]).below(folder + file))}
    if "S3FailurePath" in output:
        failure = f"{folder}{file.removesuffix('.out')}-error.out"
        places["FailureLocation"] = str(parse_s3_uri(output["S3FailurePath"]).below(failure))
    return {
        "RequestTTLSeconds": ASYNC_TTL_SECONDS_RANGE[1],
        "InvocationTimeoutSeconds": ASYNC_TIMEOUT_SECONDS,
        **request,
        **places,
        "EndpointName": name,
        "InferenceId": inference_id,
        "NotificationConfig": output.get("NotificationConfig", {}),
    }
