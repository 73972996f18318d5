"""A request in the queue in front of the model, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from time import monotonic
from typing import Any, TypeAlias, TypeVar

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.base import Context, client_gone
from longshore_runtime.runners.model import metrics

_T = TypeVar("_T")


class Item:
    """A decoded request, and later what became of it: a prediction, or an error.

    deadline: the time.monotonic() after which nobody wants the answer; entered: that of its creation;
    began and ended: those of the computing, began None where there was none.
    body: what is to be decoded in the call of the model, None where it has been decoded before; records: how
    many it held. encoded: the answer, where it has been encoded in the call, and not only predicted.
    alone: whether no other may be in its batch.
    resume: what goes on with it when it is settled, where it is parked; None where a thread waits for it.
    """

    __slots__ = (
        *("alone", "began", "body", "context", "data", "deadline", "encoded", "ended", "entered"),
        *("error", "leads", "prediction", "records", "resume", "settled", "wake"),
    )

    def __init__(self, data: Any, context: Context, deadline: float) -> None:
        self.data = data
        self.context = context
        self.deadline = deadline
        self.entered = self.ended = monotonic()
        self.began: float | None = None
        self.body: bytes | bytearray | None = None
        self.records = 0
        self.alone = False
        self.encoded: Any = None
        self.leads = False
        self.settled = False
        self.prediction: Any = None
        self.error: BaseException | None = None
        self.wake: threading.Lock | None = None
        self.resume: Callable[[], None] | None = None

    def succeed(self, prediction: Any) -> None:
        self.data = None  # it may be large
        self.prediction, self.settled, self.ended = prediction, True, monotonic()

    def fail(self, error: BaseException) -> None:
        self.data = self.body = None
        self.error, self.settled, self.ended = error, True, monotonic()

    def wanted(self, seconds: float = 0.0) -> bool:
        """Whether anyone will still wait in so many seconds, with the answer; where nobody does, it fails."""
        if monotonic() + seconds > self.deadline:
            self.fail(late())
        elif self.context.client_gone():
            self.fail(gone())
        return not self.settled

    def result(self) -> Any:
        """Of a settled item: its prediction. Raises what computing it raised, or a refusal's RequestError."""
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # whose traceback leads back here, and to the data: gone at once
        return self.prediction


# Yields an item where it has to wait for it, and wants to go on when that is settled.
Steps: TypeAlias = Generator[Item, None, _T]


def through(steps: Steps[_T], settle: Callable[[Item], None]) -> _T:
    """What the steps return, each item settled by the calling thread."""
    while True:
        try:
            item = next(steps)
        except StopIteration as end:
            result: _T = end.value
            return result
        settle(item)


def late() -> RequestError:
    """For what was not computed by its deadline."""
    metrics.refused("late")
    return RequestError(503, "The model was busy for too long.", {"Retry-After": "1"})


def gone() -> RequestError:
    """For what nobody waits for: seen in the metrics alone."""
    metrics.refused("gone")
    return client_gone()
