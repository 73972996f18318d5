"""A request and what came of it, kept as it was for the evidence, and said as a person would."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

BROKE_OFF = "the answer broke off before its end"
_EXCERPT = 160  # characters of a body that are shown


@dataclass(frozen=True)
class Exchange:
    """A request and what came of it.

    request: as a person would say it. status: None where no whole answer came; then failure says what came
    instead, and headers and body hold what there was of it. seconds: from the first byte sent to the last one
    read. chunked: whether the answer was. late: whether it was given up because the time for it was over.
    """

    request: str
    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    seconds: float = 0.0
    failure: str = ""
    chunked: bool = False
    late: bool = False

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether it was the caller's fault, as the container sees it."""
        return self.status is not None and 400 <= self.status < 500

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def __str__(self) -> str:
        if self.status is None:
            return f"{self.request} → {self.failure}"
        said = f"{self.request} → {self.status} after {self.seconds:.2f} s"
        return f"{said}: {excerpt(self.text)}" if self.body else said


def excerpt(text: str, longest: int = _EXCERPT) -> str:
    """The text on one line, cut to a length that a person reads."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def size_of(count: int) -> str:
    """A number of bytes as one says it."""
    for unit, name in ((2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} bytes"


def unanswered(
    request: str, error: Exception, begun: float, patience: float, *, sent: bool = True
) -> Exchange:
    """What this error made of a request. begun: when that was, on the monotonic clock. patience: seconds
    an answer had. sent: whether all of the request had been."""
    return Exchange(
        request,
        None,
        seconds=time.monotonic() - begun,
        failure=_failure(error, patience, sent),
        late=isinstance(error, TimeoutError),
    )


def _failure(error: Exception, patience: float, sent: bool) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, TimeoutError):
        return f"no answer within {patience:g} s"
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        return (
            "the connection was closed without an answer"
            if sent
            else "the connection was closed while the body was being sent"
        )
    if isinstance(error, http.client.HTTPException):
        return f"no HTTP came back: {error!r}"
    return f"no connection: {error}"
