"""What a client of the emulator is told went wrong: an error on the wire, or the reason in a record."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

_STATUS_TEXT = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    412: "Precondition Failed",
    416: "Requested Range Not Satisfiable",
    424: "Failed Dependency",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    507: "Insufficient Storage",
    530: "Dependency Failed",
}


class Failure(Exception):
    """Why an endpoint or a job has failed: its first 1024 characters become the FailureReason."""

    @property
    def reason(self) -> str:
        """As Describe shows it."""
        return str(self)[:1024]


class AwsError(Exception):
    """What AWS would answer: code is the error's name in the service model, such as 'ValidationException'.

    details: further members of the error's shape (a ModelError's OriginalStatusCode).
    """

    def __init__(self, code: str, message: str, status: int = 400, **details: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.details = details

    @property
    def status_line(self) -> str:
        """As WSGI wants it: '424 Failed Dependency'."""
        return f"{self.status} {_STATUS_TEXT.get(self.status, 'Error')}"

    def headers(self) -> list[tuple[str, str]]:
        """What every answer with an error carries."""
        return [("x-amzn-errortype", self.code), *request_id()]

    def body(self) -> bytes:
        """As JSON 1.1 and REST-JSON have it; 'message' is in both spellings because clients look for
        either.
        """
        members = {"__type": self.code, "message": self.message, "Message": self.message, **self.details}
        return json.dumps(members).encode()


def not_found(kind: str, name: str) -> AwsError:
    """What Describe, Update and Delete answer for a name that is not there."""
    return AwsError("ValidationException", f'Could not find {kind} "{name}".')


def not_implemented(message: str) -> AwsError:
    """Return the error for operations that the emulator lacks. No AWS client retries status 501."""
    return AwsError("NotImplemented", message, 501)


def request_id() -> Iterable[tuple[str, str]]:
    """The header that every answer carries; clients show it with their errors."""
    return [("x-amzn-RequestId", str(uuid.uuid4()))]
