"""InvokeEndpoint: checks a request as SageMaker does, passes it to an instance, and judges the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from longshore.emulator.bodies import in_blocks, read_limited
from longshore.emulator.faults import AwsError, Failure, request_id
from longshore.emulator.hosting.deployment import Deployment, Variant
from longshore.emulator.hosting.errors import model_error
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.hosting.passage import Unreached, pass_through
from longshore.emulator.hosting.targets import check_targets
from longshore.emulator.platform import Platform
from longshore.limits import HEADER_MAX, MB

# As WSGI spells them -> as the container gets them; all others are stripped (A13, A14).
_PASSED = {
    "CONTENT_TYPE" if name == "Content-Type" else "HTTP_" + name.upper().replace("-", "_"): name
    for name in HEADER_MAX
}
# What of an answer reaches the client (A15).
_HONOURED = (
    "Content-Type",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-New-Session-Id",
    "X-Amzn-SageMaker-Closed-Session-Id",
)
TARGET_VARIANT = "X-Amzn-SageMaker-Target-Variant"


def invoke(
    platform: Platform, name: str, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """The whole request, the whole answer; AwsError for all but a 2xx (A11, A12, A16)."""
    headers = passed_headers(environ)
    deployment = in_service(platform, name)
    body = payload(environ, deployment.payload_mb * MB)
    tried: set[str] = set()
    while True:
        variant, instance = lease(platform, name, headers.get(TARGET_VARIANT), tried)
        try:
            check_targets(name, variant.model, headers)
            answer = pass_through(platform, name, instance, instance.way(headers), headers, body)
            break
        except Unreached:
            tried.add(instance.id)
        finally:
            instance.release()
    kept = [(header, answer.headers[header]) for header in _HONOURED if header in answer.headers]
    start_response(
        "200 OK",
        [
            *kept,
            ("x-Amzn-Invoked-Production-Variant", variant.name),
            ("Content-Length", str(len(answer.data))),
            *request_id(),
        ],
    )
    return in_blocks(answer.data)


def passed_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """The headers that reach a container; AwsError where one is longer than SageMaker takes."""
    headers = {name: environ[key] for key, name in _PASSED.items() if environ.get(key)}
    for name, value in headers.items():
        if len(value) > HEADER_MAX[name]:
            member = name.removeprefix("X-Amzn-SageMaker-").replace("-", "")
            raise AwsError(
                "ValidationError",
                f"1 validation error detected: Value at '{member[0].lower()}{member[1:]}' failed to satisfy "
                f"constraint: Member must have length less than or equal to {HEADER_MAX[name]}",
            )
    return headers


def payload(environ: Mapping[str, Any], limit: int) -> bytes:
    """The body; AwsError 413 where it has more bytes than the limit (A12)."""
    body = read_limited(environ, limit)
    if body is None:
        raise AwsError("413", f"HTTP content length exceeded {limit} bytes.", 413)
    return body


def check_in_service(platform: Platform, name: str) -> None:
    """AwsError where there is no endpoint of this name, or nothing of it runs."""
    if platform.endpoints.live(name) is not None:
        return
    record = platform.records.find("endpoint", name)
    if record is None:
        raise AwsError("ValidationError", f"Endpoint {name} of account {platform.account} not found.")
    status = record["EndpointStatus"]
    raise AwsError(
        "ValidationError", f"Endpoint {name} of account {platform.account} is not in service: it is {status}."
    )


def in_service(platform: Platform, name: str, *, asynchronous: bool = False) -> Deployment:
    """What answers for an endpoint now; AwsError where nothing does, or it is of the other kind (B6)."""
    while (deployment := platform.endpoints.live(name)) is None:
        check_in_service(platform, name)
    if ("AsyncInferenceConfig" in deployment.config) != asynchronous:
        raise AwsError(
            "ValidationError",
            f"Endpoint {name} of account {platform.account} is not asynchronous: call InvokeEndpoint."
            if asynchronous
            else f"Endpoint {name} of account {platform.account} is asynchronous: call InvokeEndpointAsync.",
        )
    return deployment


def lease(
    platform: Platform, name: str, target: str | None, tried: set[str] | None = None
) -> tuple[Variant, Instance]:
    """An instance with the request counted in, which has to be released; AwsError where none is healthy."""
    while True:
        deployment = in_service(platform, name)
        try:
            found = deployment.lease(target, tried or set())
        except Failure as failure:  # a container that had to be started for this request
            raise model_error(platform, name, 0, failure.reason.encode()) from None
        if found is not None:
            return found
        if platform.endpoints.live(name) is deployment:
            why = deployment.trouble(target)
            said = f"No instance of endpoint {name} can take the request now{f': {why}' if why else '.'}"
            raise AwsError("ServiceUnavailable", said, 503)
