"""What S3 refuses and why, and when it is worth asking again."""

from __future__ import annotations

import itertools
import logging
import random
import re
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from longshore_runtime import logs
from longshore_runtime.runners.algorithm.s3 import origin
from longshore_runtime.runners.algorithm.s3.connection import Response, stopped

T = TypeVar("T")

_log = logs.get("task")

_ATTEMPTS = 6
_FIRST_WAIT_S = 0.25  # doubled for each further attempt
_LONGEST_WAIT_S = 20.0

EXPIRED = {"ExpiredToken", "TokenRefreshRequired"}
FOREIGN = "NotS3"  # a code of ours: another server answered
_RETRYABLE_STATUSES = {408, 429, 500, 502, 503, 504}
# Those whose status alone does not say so.
_RETRYABLE_CODES = {
    *EXPIRED,
    "BadDigest",  # what we sent was changed on its way
    "IncompleteBody",
    "InternalError",  # may be within a 200
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
}
_ELSEWHERE = "The bucket is elsewhere: check the region and the endpoint."
_BUSY = "It has too many requests to answer. Send the task again later."
_SENTENCES = {
    "AccessDenied": "Access is denied.",
    "InvalidAccessKeyId": "The credentials are not known to S3.",
    "InvalidObjectState": "The object is archived: it must be restored before it can be read.",
    "NoSuchBucket": "There is no such bucket.",
    "NoSuchKey": "There is no such object.",
    "PermanentRedirect": _ELSEWHERE,
    "RequestTimeTooSkewed": "The clock of this machine is too far from S3's.",
    "SignatureDoesNotMatch": "The credentials' secret is not the right one.",
    "TemporaryRedirect": _ELSEWHERE,
}
_BY_STATUS = {
    301: _ELSEWHERE,
    403: "Access is denied.",
    404: "There is no such object or bucket.",
    429: _BUSY,
    500: "It is out of order. Send the task again later.",
    503: _BUSY,
}


class S3Error(Exception):
    """S3 did not do what was asked.

    status: 0 where there was no whole answer. code: S3's own, "NoSuchKey" for example, "" where unknown
    (the answer to a HEAD has none: look at the status). retryable: whether the same request may succeed
    later. retry_after: for how many seconds S3 asked us to wait. region: where S3 says the bucket is.
    str() is a plain sentence, without secrets and addresses.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        retryable: bool = False,
        retry_after: float = 0.0,
        region: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after
        self.region = region


def error_in(response: Response) -> S3Error:
    """The error this answer tells of.

    Its body is XML, but of two words in it only the shape is relied upon: a parser that follows all of
    XML is not for what comes from outside.
    """
    if not origin.is_error_of_s3(response):
        return foreign(response.status, "no error of S3's in it")
    code = _first(rb"<Code>([A-Za-z0-9._-]{1,64})</Code>", response.body)
    region = response.headers.get("x-amz-bucket-region") or _first(
        rb"<Region>([a-z0-9-]{1,32})</Region>", response.body
    )
    status = response.status
    if text := _first(rb"<Message>([^<]{1,1000})</Message>", response.body):
        # For the operator alone: it may name roles and policies. A few may be what was expected.
        level = logging.DEBUG if status in (404, 412, 416) else logging.INFO
        _log.log(level, "S3 answered %d %s: %s", status, code, text)
    wait = response.headers.get("retry-after", "")
    sentence = _SENTENCES.get(code) or _BY_STATUS.get(status, "")
    return S3Error(
        f"S3 answered {' '.join(filter(None, (str(status), code)))}. {sentence}".rstrip(),
        status=status,
        code=code,
        retryable=status in _RETRYABLE_STATUSES or code in _RETRYABLE_CODES,
        retry_after=float(wait) if wait.isascii() and wait.isdigit() else 0.0,
        region=region if region and re.fullmatch("[a-z0-9-]{1,32}", region) else None,
    )


def foreign(status: int, what: str) -> S3Error:
    """The error for an answer that is not S3's own. what: by which that is seen."""
    return S3Error(
        f"The answer ({status}) is not S3's own: it has {what}. A proxy or another server may have sent it.",
        status=status,
        code=FOREIGN,
        retryable=status in _RETRYABLE_STATUSES or 200 <= status < 300,
    )


def _first(pattern: bytes, text: bytes) -> str:
    found = re.search(pattern, text)
    return found[1].decode("utf-8", "replace") if found else ""


def retry(attempt: Callable[[], T], what: str, stop: threading.Event | None = None) -> T:
    """What attempt returns, called up to 6 times while it raises an S3Error that is retryable.

    what: the beginning of the log's line about each repeat. Waits longer each time; stop ends the wait
    with TaskError(STOPPED).
    """
    for number in itertools.count(1):
        try:
            return attempt()
        except S3Error as error:
            if not error.retryable or number == _ATTEMPTS:
                raise
            # Spread by chance, so that those who failed together do not come back together.
            wait = _FIRST_WAIT_S * 2 ** (number - 1) * random.uniform(0.5, 1)
            wait = min(max(wait, error.retry_after), _LONGEST_WAIT_S)
            _log.warning("%s: %s Attempt %d of %d in %.1f s.", what, error, number + 1, _ATTEMPTS, wait)
        if stop is None:
            time.sleep(wait)
        elif stop.wait(wait):
            raise stopped()
    raise AssertionError  # never: count does not end
