"""The exception by which a handler answers with a status."""

from __future__ import annotations


class PredictionException(Exception):
    """An error with a status, error_code."""

    def __init__(self, message: str, error_code: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code
