"""An operation of SageMaker's control plane: a function of the platform and of a well-formed request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from longshore.emulator.faults import AwsError
from longshore.emulator.listing import list_records
from longshore.emulator.operations.defaults import with_defaults
from longshore.emulator.platform import Platform
from longshore.emulator.records import KINDS, KindName, Record
from longshore.emulator.validation import output_members
from longshore.engines.base import HOST_PREFIX, NoAnswer
from longshore.errors import UserError

Request = dict[str, Any]
# Returns the answer, as JSON. Raises AwsError.
Handler = Callable[[Platform, Request], dict[str, Any]]


def described(operation: str, record: Record) -> dict[str, Any]:
    """Return a record as Describe answers it: without Tags and what is the emulator's own."""
    names = output_members(operation)
    return with_defaults(operation, {name: value for name, value in record.items() if name in names})


def reading(kind: KindName) -> dict[str, Handler]:
    """Describe and List, which are the same for all kinds of records."""
    stem = KINDS[kind].stem

    def describe(platform: Platform, request: Request) -> dict[str, Any]:
        return described(f"Describe{stem}", platform.records.get(kind, request[f"{stem}Name"]))

    def list_all(platform: Platform, request: Request) -> dict[str, Any]:
        return list_records(platform.records, kind, request)

    return {f"Describe{stem}": describe, f"List{stem}s": list_all}


def check_image(platform: Platform, image: str) -> None:
    """AwsError, in SageMaker's words and the engine's, where no engine has this image."""
    try:
        platform.choose(image).image(image)
    except NoAnswer as error:
        said = f"Requested image {image} cannot be looked for. {error}"
        raise AwsError("ValidationException", said) from None
    except UserError as error:
        raise AwsError("ValidationException", f"Requested image {image} not found. {error}") from None


def check_label(platform: Platform, image: str, label: str) -> None:
    """AwsError where an image lacks a label that has to be 'true'; a host: path cannot have one."""
    if image.startswith(HOST_PREFIX) or platform.choose(image).image(image).labels.get(label) == "true":
        return
    raise AwsError(
        "ValidationException",
        f"Your Ecr Image {image} does not contain required {label}=true Docker label(s).",
    )


def check_tags(request: Request) -> None:
    """AwsError where a key is there twice."""
    keys = [tag["Key"] for tag in request.get("Tags", [])]
    if len(keys) != len(set(keys)):
        raise AwsError(
            "ValidationException", "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
