"""The Runner protocol: what the predictor asks of whatever computes the answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Protocol

from werkzeug.datastructures import Headers

from longshore_runtime import contract
from longshore_runtime.errors import RequestError
from longshore_runtime.settings import Settings
from longshore_runtime.toolkit_context import ToolkitContext

_PART = 2**20  # bytes of a body read at a time


class Readable(Protocol):
    """What a body comes from: wsgi.input."""

    def read(self, size: int, /) -> bytes: ...


class UnreadBody:
    """A body of `size` bytes that nginx still holds, in a file. It can be read once.

    Reading raises RequestError (499) where the client, and with it the rest of the body, has gone.
    """

    def __init__(self, stream: Readable, size: int) -> None:
        self.stream = stream
        self.size = size

    def read(self) -> bytes:
        body = self._read(self.size)
        if len(body) < self.size:
            raise client_gone()
        return body

    def read_writable(self) -> bytearray:
        """The same as an object that an array can be a view of, and be written to."""
        body = bytearray(self.size)
        filled = 0
        with memoryview(body) as view:
            while filled < self.size:
                part = self._read(min(_PART, self.size - filled))
                if not part:
                    raise client_gone()
                view[filled : filled + len(part)] = part
                filled += len(part)
        return body

    def discard(self) -> None:
        """Take what is left and keep nothing of it: nginx reads no answer from who hangs up on it."""
        with contextlib.suppress(RequestError):
            while self._read(_PART):
                pass

    def _read(self, size: int) -> bytes:
        try:
            return self.stream.read(size)
        except OSError:
            raise client_gone() from None


def client_gone() -> RequestError:
    """For what nobody waits for: seen in the metrics alone."""
    return RequestError(contract.CLIENT_GONE, "The client has gone.")


def _no_decoder(body: bytes | bytearray, content_type: str) -> Any:
    raise NotImplementedError("this runner decodes no bodies")


@dataclass
class Context(ToolkitContext):
    """One request as a model may see it, and what the model may add to the answer.

    Reading: request_id; content_type and accept as they were sent ('' where absent); headers by
    name, case ignored; custom_attributes, the caller's X-Amzn-SageMaker-Custom-Attributes (A14), ''
    where absent; columns, the names in a CSV body's header, None without one.
    Writing: answer_attributes becomes the answer's X-Amzn-SageMaker-Custom-Attributes (A15), at most
    1,024 ASCII characters; answer_headers are further headers of the answer, but not those of HTTP itself
    (Content-Length, Transfer-Encoding, Connection, Upgrade) or of nginx (X-Accel-). answer_status and
    answer_type, where set, are its status and media type. ToolkitContext has AWS's names for all of these.
    For runners: received is the time.monotonic() at which nginx had the whole request; unread the seconds it
    then waited to be read. stages takes the seconds spent in each stage, for the answer's Server-Timing.
    hand_over is to be called before anything that takes long, so that another thread reads the next request
    meanwhile. client_gone returns whether the client has disconnected. decode reads a body by its
    content type as the built-in decoders do.
    """

    request_id: str
    content_type: str = ""
    accept: str = ""
    headers: Headers = field(default_factory=Headers)
    custom_attributes: str = ""
    columns: tuple[str, ...] | None = None
    answer_attributes: str | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
    received: float = field(default_factory=monotonic)
    unread: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    hand_over: Callable[[], None] = lambda: None
    client_gone: Callable[[], bool] = lambda: False
    decode: Callable[[bytes | bytearray, str], Any] = _no_decoder


@dataclass(frozen=True, slots=True)
class Answer:
    """A computed answer: its body, the media type of it ('' for none), and how many records it answers.

    status and headers: those of a response that the model made itself.
    """

    body: bytes
    content_type: str
    records: int
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Step(NamedTuple):
    """Something done for a request: since when (time.monotonic()), and what, in words: "a decode"."""

    began: float
    what: str


class Runner(Protocol):
    """What serves: loaded once in each worker, then asked from several threads at once.

    One that has invoke_unread(body, context) as well is asked by that where a body is large: an UnreadBody,
    which it reads when it has the memory for it.
    """

    def load(self) -> None:
        """Make ready to answer; raises StartError where that cannot be."""

    def invoke(self, body: bytes, context: Context) -> Answer:
        """Answer one request; RequestError for what the caller did wrong, anything else is a failure."""

    def look(self) -> Step | None:
        """The step that has run for longest, of those that have the server's time limit; None without any.

        To be called every second or so, from one thread.
        """

    def drain(self, seconds: float) -> None:
        """The server is stopping: return when nothing runs any more, after so many seconds at the latest.

        For what the requests in flight do not show, because nobody waits for its answer any longer.
        """


class Witness(Protocol):
    """Knows which calls of the model run, should this process die in one, or never come back from it."""

    def call(self, request_ids: Sequence[str], began: float | None = None) -> int | None:
        """The model is called with these requests. Gives what returned() needs to know.

        began: the time.monotonic() at which it was, where that is not now.
        """

    def returned(self, at: int | None) -> None:
        """That call has ended."""


class Gate(Protocol):
    """Knows whether this process can take requests, so that what cannot be taken need not come to it."""

    def full(self) -> None:
        """A request has been refused, as any would be now. Not to be called by two threads at once."""

    def has_room(self) -> None:
        """Requests can be taken again. Not to be called by two threads at once."""


def choose(
    settings: Settings,
    program_dir: Path,
    report: Callable[[str | None], None],
    witness: Witness | None = None,
    gate: Gate | None = None,
) -> Runner:
    """The runner these settings ask for, not yet loaded.

    report: for a runner that can become unable to serve, or able again, after its load: a sentence that says
    why not, or None. witness and gate: for a runner that calls a model.
    """
    # Here, because they import this module.
    if settings.algorithm is not None:
        from longshore_runtime.runners.algorithm.runner import AlgorithmRunner

        return AlgorithmRunner(settings.algorithm, report)
    from longshore_runtime.runners.model.runner import ModelRunner

    return ModelRunner(settings, program_dir, witness, gate)
