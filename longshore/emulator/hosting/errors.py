"""What a client is told when a container's answer is no good (A11, A16)."""

from __future__ import annotations

import logging

from longshore.emulator.faults import AwsError
from longshore.emulator.parts import PRIMARY
from longshore.emulator.platform import Platform
from longshore.limits import ERROR_BODY_MAX

_log = logging.getLogger("longshore.emulator")


def model_error(
    platform: Platform, name: str, status: int, body: bytes, container: str = PRIMARY
) -> AwsError:
    """A container's 4xx or 5xx (A16)."""
    text = body.decode("utf-8", "replace")[:ERROR_BODY_MAX]
    kind = "client" if 400 <= status < 500 else "server"
    return AwsError(
        "ModelError",
        f'Received {kind} error ({status}) from {container} with message "{text}". See {_log_group(name)} '
        f"in account {platform.account} for more information.",
        424,
        OriginalStatusCode=status,
        OriginalMessage=text,
        LogStreamArn=_log_arn(platform, name),
    )


def timed_out(platform: Platform, name: str, container: str = PRIMARY) -> AwsError:
    """No answer within the time (A11)."""
    text = (
        f"Your invocation timed out while waiting for a response from container {container}. Review the "
        "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
    )
    return model_error(platform, name, 0, text.encode(), container)


def broken(platform: Platform, name: str, error: Exception, container: str = PRIMARY) -> AwsError:
    """The container hung up, or answered what is no HTTP."""
    _log.warning("endpoint %s: %s", name, error)
    text = b"The container closed the connection before it had answered."
    return model_error(platform, name, 0, text, container)


def _log_group(name: str) -> str:
    return f"/aws/sagemaker/Endpoints/{name}"


def _log_arn(platform: Platform, name: str) -> str:
    return f"arn:aws:logs:{platform.region}:{platform.account}:log-group:{_log_group(name)}"
