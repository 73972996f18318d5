"""The errors this project raises on purpose. Each says where, what, and what to do."""

from __future__ import annotations


class StartError(Exception):
    """The start cannot go on: printed as one message on stderr by main, never as a traceback.

    where: the variable, file or function at fault; what: what is wrong with it; remedy: what to do.
    exit_code: what the process exits with.
    """

    exit_code = 2

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where}: {what} {remedy}")
        self.where = where
        self.what = what
        self.remedy = remedy


class RequestError(Exception):
    """A request that cannot be answered as asked: becomes a problem+json of this status (RFC 9457).

    detail is shown to the caller, so it is plain, and says what to send instead.
    headers go on the answer, Retry-After for example.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
