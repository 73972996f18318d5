"""Presigned URLs of S3: they expire. Their signatures are not verified: see docs/emulator-services.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from longshore.emulator.faults import AwsError

_LONGEST = 7 * 24 * 3600  # seconds that a URL of Signature Version 4 may be valid
_FORMAT = "%Y%m%dT%H%M%SZ"


def refuse_expired(query: Mapping[str, str]) -> None:
    """Check the time for which a request is presigned, if it is.

    Args:
        query: The URL's parameters.

    Raises:
        AwsError: AccessDenied if it is over; AuthorizationQueryParametersError or AccessDenied, for
            Signature Versions 4 and 2, if it is malformed.
    """
    if "X-Amz-Expires" in query or "X-Amz-Signature" in query:
        expiry, details = _expiry_of_version_4(query)
    elif "Signature" in query and "AWSAccessKeyId" in query:
        expiry, details = _expiry_of_version_2(query), {}
    else:
        return
    now = datetime.now(UTC)
    if now >= expiry:
        raise AwsError(
            "AccessDenied",
            "Request has expired",
            403,
            **details,
            Expires=expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
            ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )


def _expiry_of_version_4(query: Mapping[str, str]) -> tuple[datetime, dict[str, str]]:
    seconds = query.get("X-Amz-Expires", "")
    if not (seconds.isascii() and seconds.isdigit()):
        raise _malformed("X-Amz-Expires should be a number")
    if not 0 < int(seconds[:20]) <= _LONGEST:
        raise _malformed("X-Amz-Expires must be between 1 second and a week (in seconds), 604800")
    try:
        signed = datetime.strptime(query.get("X-Amz-Date", ""), _FORMAT).replace(tzinfo=UTC)
        return signed + timedelta(seconds=int(seconds)), {"X-Amz-Expires": seconds}
    except (ValueError, OverflowError):
        raise _malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"") from None


def _expiry_of_version_2(query: Mapping[str, str]) -> datetime:
    seconds = query.get("Expires", "")
    try:
        if not (seconds.isascii() and seconds.isdigit()):
            raise ValueError
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise AwsError(
            "AccessDenied", f"Invalid date (should be seconds since epoch): {seconds}", 403
        ) from None


def _malformed(message: str) -> AwsError:
    return AwsError("AuthorizationQueryParametersError", message)
