"""Exceptions with the status of the answer; refusals.py makes answers of them."""

from __future__ import annotations


class ClientError(Exception):
    """The caller's mistake."""


class UnsupportedFormatError(Exception):
    """A media type that is not supported."""

    def __init__(self, content_type: str) -> None:
        super().__init__(f"The media type {content_type} is not supported.")


class BaseInferenceToolkitError(Exception):
    """An error with a status, a message and a phrase for the status line, which is not sent."""

    def __init__(self, status_code: int, message: str, phrase: str) -> None:
        super().__init__(status_code, message, phrase)
        self.status_code = status_code
        self.message = message
        self.phrase = phrase


class GenericInferenceToolkitError(BaseInferenceToolkitError):
    """The same with defaults."""

    def __init__(self, status_code: int, message: str | None = None, phrase: str | None = None) -> None:
        message = message or "Invalid Request"
        super().__init__(status_code, message, phrase or message)
