"""InvokeEndpoint: checks a request as SageMaker does, passes it to an instance, and judges the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import urllib3

from longshore.emulator.bodies import in_blocks, read_limited
from longshore.emulator.faults import AwsError, request_id
from longshore.emulator.hosting.deployment import Deployment, Variant
from longshore.emulator.hosting.instance import Instance
from longshore.emulator.platform import Platform
from longshore.limits import (
    ACCEPT_SECONDS,
    ERROR_BODY_MAX,
    HEADER_MAX,
    INVOCATION_SECONDS,
    MB,
    PAYLOAD_MB_REAL_TIME,
)

_log = logging.getLogger("longshore.emulator")

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
    in_service(platform, name)
    body = payload(environ, PAYLOAD_MB_REAL_TIME * MB)
    variant, instance = lease(platform, name, headers.get(TARGET_VARIANT))
    tried: set[str] = set()
    while True:
        try:
            answer = _send(instance, headers, body)
            break
        except urllib3.exceptions.NewConnectionError:
            # Nothing has reached it: another instance may have the request.
            instance.suspect()
            tried.add(instance.id)
        except urllib3.exceptions.TimeoutError as error:
            if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
                tried.add(instance.id)
            else:
                raise timed_out(platform, name) from None
        except urllib3.exceptions.HTTPError as error:
            instance.suspect()
            raise broken(platform, name, error) from None
        finally:
            instance.release()
        variant, instance = lease(platform, name, headers.get(TARGET_VARIANT), tried)
    if not 200 <= answer.status < 300:
        raise model_error(platform, name, answer.status, answer.data)
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
        deployment = platform.endpoints.live(name)
        if deployment is None:
            check_in_service(platform, name)
            continue
        found = deployment.lease(target, tried or set())
        if found is not None:
            return found
        if platform.endpoints.live(name) is deployment:
            raise AwsError(
                "ServiceUnavailable", f"No instance of endpoint {name} can take the request now.", 503
            )


def _send(instance: Instance, headers: dict[str, str], body: bytes) -> urllib3.BaseHTTPResponse:
    assert instance.pool is not None
    timeout = urllib3.Timeout(connect=ACCEPT_SECONDS, read=INVOCATION_SECONDS)
    return instance.pool.urlopen(
        "POST",
        "/invocations",
        body=body,
        headers=headers,
        timeout=timeout,
        redirect=False,
        decode_content=False,
    )


def model_error(platform: Platform, name: str, status: int, body: bytes) -> AwsError:
    """A container's 4xx or 5xx (A16)."""
    text = body.decode("utf-8", "replace")[:ERROR_BODY_MAX]
    kind = "client" if 400 <= status < 500 else "server"
    return AwsError(
        "ModelError",
        f'Received {kind} error ({status}) from primary with message "{text}". See {_log_group(name)} '
        f"in account {platform.account} for more information.",
        424,
        OriginalStatusCode=status,
        OriginalMessage=text,
        LogStreamArn=_log_arn(platform, name),
    )


def timed_out(platform: Platform, name: str) -> AwsError:
    """No answer within the time (A11)."""
    return model_error(
        platform,
        name,
        0,
        b"Your invocation timed out while waiting for a response from container primary. Review the latency "
        b"metrics for each container in Amazon CloudWatch, resolve the issue, and try again.",
    )


def broken(platform: Platform, name: str, error: Exception) -> AwsError:
    """The container hung up, or answered what is no HTTP."""
    _log.warning("endpoint %s: %s", name, error)
    return model_error(platform, name, 0, b"The container closed the connection before it had answered.")


def _log_group(name: str) -> str:
    return f"/aws/sagemaker/Endpoints/{name}"


def _log_arn(platform: Platform, name: str) -> str:
    return f"arn:aws:logs:{platform.region}:{platform.account}:log-group:{_log_group(name)}"
