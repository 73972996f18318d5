"""A request and its answer, kept as evidence."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

LATE = "no answer within"
BROKE_OFF = "the answer broke off before its end"
CLOSED_WHILE_SENDING = "the connection was closed while the body was being sent"
_EXCERPT = 160  # characters of a body that are shown


@dataclass(frozen=True)
class Exchange:
    """A request and its answer.

    Attributes:
        request: Describes the request.
        status: None if no complete answer came.
        headers: Of the answer, with names in lower case.
        failure: What came instead of a complete answer.
        seconds: From the first byte sent to the last one received.
        chunked: Whether the answer was chunked.
        late: Whether the time for the answer was over.
        header_bytes: The size of the answer's header lines.
    """

    request: str
    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    failure: str = ""
    chunked: bool = False
    late: bool = False
    header_bytes: int = 0

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the status is 4xx."""
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
        if not self.body:
            return said
        return f"{said}: {excerpt(self.text) or f'{size_of(len(self.body))} of white space'}"


def excerpt(text: str, longest: int = _EXCERPT) -> str:
    """Return the text on one line, cut to a readable length."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def size_of(count: int) -> str:
    """Return a number of bytes with a unit."""
    for unit, name in ((2**30, "GB"), (2**20, "MB"), (2**10, "KB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} byte{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a time with its unit, to a tenth of a second."""
    return f"{round(seconds, 1 if seconds >= 1 else 3):g} s"


def unanswered(
    request: str, error: Exception, begun: float, patience: float, *, sent: bool = True
) -> Exchange:
    """Return the Exchange of a request that raised an error.

    Args:
        begun: Start of the request, on the monotonic clock.
        patience: Seconds that the answer had.
        sent: Whether the whole request was sent.
    """
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
        return f"{LATE} {duration(patience)}"
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
        return "the connection was closed without an answer" if sent else CLOSED_WHILE_SENDING
    if isinstance(error, http.client.HTTPException):
        return f"the answer is not HTTP: {error!r}"
    return f"no connection: {error}"
