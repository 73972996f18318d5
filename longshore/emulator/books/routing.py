"""What a request asks moto for, decided once: the service, the operation and the region.

moto looks for them in the path, the query, the body and several headers, and prefers others than AWS does: an
Action in the query overrides X-Amz-Target. So moto gets a request that can be read in one way only.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from longshore.emulator import json_protocol
from longshore.emulator.aws_protocols import FORM, check_region, signing_name
from longshore.emulator.bodies import read_limited
from longshore.emulator.books.services import SERVICES, Service
from longshore.emulator.faults import AwsError, not_implemented

# The keys of environ under which moto finds the decision.
OPERATION, REGION = "longshore.operation", "longshore.region"

# What clients send to STS without a signature.
_UNSIGNED_ACTIONS = ("AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")
_LARGEST_BODY = 32 << 20  # bytes, of all services but S3

Environ = dict[str, Any]


class Route(NamedTuple):
    """Where a request goes.

    Attributes:
        name: The service and the operation, for messages.
        service: The service.
        environ: The request as moto gets it.
    """

    name: str
    service: Service
    environ: Environ


def route(environ: Environ, region: str) -> Route:
    """Return where the request goes; raises AwsError if it goes nowhere.

    Args:
        environ: The request. Its body is read, unless it is one for S3.
        region: The only region of the emulator.
    """
    if is_for_s3(environ):
        return _to_s3(environ)
    name = signing_name(environ)
    if not name and environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4"):
        raise AwsError("AuthorizationHeaderMalformed", "The header Authorization has no credential scope.")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if not name and target:
        name = _signing_name_of(target.partition(".")[0])
    body = None
    if not name and _is_form(environ):
        body = _read(environ)
        if _action(body) not in _UNSIGNED_ACTIONS:
            raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        name = "sts"
    name = name or "s3"
    # The S3 Control API has S3's signing name, and always this header.
    if name == "s3" and "HTTP_X_AMZ_ACCOUNT_ID" in environ:
        name = "s3control"
    if name not in SERVICES:
        raise not_implemented(
            f"The emulator has no service {name}: docs/emulator-services.md lists those it has, and why."
        )
    if environ.get("HTTP_SMITHY_PROTOCOL"):
        raise not_implemented("The emulator has no rpc-v2-cbor protocol: choose JSON or query in the client.")
    if name == "s3":
        return _to_s3(environ)
    body = _read(environ) if body is None else body
    service, operation = _operation(name, environ, body)
    _check_operation(name, service, operation)
    if service.regional:
        check_region(environ, region)
    if "HTTP_X_AMZ_TARGET" in environ:
        json_protocol.parse(body)
    return Route(f"{name}:{operation}", service, _canonical(environ, service, operation, region, body))


def _signing_name_of(prefix: str) -> str:
    known = [name for name, service in SERVICES.items() if service.target_prefix == prefix]
    return known[0] if known else prefix


def is_for_s3(environ: Mapping[str, Any]) -> bool:
    """Return whether a request is for S3, and nothing in it names another service."""
    others = ("HTTP_X_AMZ_TARGET", "HTTP_X_AMZ_ACCOUNT_ID", "HTTP_SMITHY_PROTOCOL")  # S3 Control's, too
    if any(name in environ for name in others) or _is_form(environ):
        return False
    name = signing_name(environ)
    return name == "s3" or (not name and not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4"))


def _to_s3(environ: Environ) -> Route:
    return Route(f"s3:{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", SERVICES["s3"], environ)


def _is_form(environ: Mapping[str, Any]) -> bool:
    """Return whether a request is a form for STS, or another service with such forms."""
    is_form: bool = environ.get("CONTENT_TYPE", "").startswith(FORM)
    return is_form and environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/"


def _operation(name: str, environ: Environ, body: bytes) -> tuple[Service, str]:
    service = SERVICES[name]
    asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    prefix, _, target = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
    # Some clients of SQS send to the path of the queue.
    if (asked == "POST /" or (name == "sqs" and asked.startswith("POST "))) and prefix:
        if prefix != service.target_prefix:
            raise not_implemented(f"The emulator's {name} has no {prefix}.{target}.")
        return service, target
    if service.forms and not prefix:
        if environ["REQUEST_METHOD"] == "POST":
            return service, _action(body)
        # Presigned, as a proof of identity. Other operations are never asked for by GET.
        query = environ.get("QUERY_STRING", "").encode()
        if name == "sts" and asked == "GET /" and _action(query) == "GetCallerIdentity":
            return service, "GetCallerIdentity"
    raise not_implemented(f"The emulator has no {asked} of the service {name}.")


def _check_operation(name: str, service: Service, operation: str) -> None:
    if operation in service.operations:
        return
    reason = service.refused.get(operation)
    if reason:
        raise not_implemented(f"The emulator has no {name}:{operation}, because {reason}.")
    raise not_implemented(f"The emulator has no {name}:{operation or 'request without an Action'}.")


def _action(form: bytes) -> str:
    return str(parse_qs(form.decode("latin-1")).get("Action", [""])[0])


def _read(environ: Environ) -> bytes:
    body = read_limited(environ, _LARGEST_BODY)
    if body is not None and environ.get("HTTP_CONTENT_ENCODING", "").strip().lower() == "gzip":
        try:
            body = gzip.GzipFile(fileobj=io.BytesIO(body)).read(_LARGEST_BODY + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise AwsError("SerializationException", f"The body is not gzip: {error}") from None
        body = body if len(body) <= _LARGEST_BODY else None
    if body is None:
        raise AwsError("RequestEntityTooLarge", f"The body is larger than {_LARGEST_BODY} bytes.", 413)
    return body


def _canonical(environ: Environ, service: Service, operation: str, region: str, body: bytes) -> Environ:
    """Return the request without anything else that moto might take for the operation or the region."""
    canonical = {
        **environ,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": False,
        OPERATION: operation,
        REGION: region,
    }
    for name in ("HTTP_ACTION", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING"):
        canonical.pop(name, None)
    if "HTTP_X_AMZ_TARGET" in environ:
        canonical["HTTP_X_AMZ_TARGET"] = f"{service.target_prefix}.{operation}"
    return canonical
