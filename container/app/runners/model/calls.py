"""The calls of the model that run, and what those before have cost."""

from __future__ import annotations

import threading
from time import monotonic

from app.runners.model.costs import Costs


class Calls:
    """begin() and end() around each call of the model, from several threads at once."""

    def __init__(self) -> None:
        self.costs = Costs()
        self._mutex = threading.Lock()
        self._began: dict[object, float] = {}

    def begin(self) -> object:
        """A call begins; what comes back is what end() wants."""
        token = object()
        self._began[token] = monotonic()
        return token

    def end(self, token: object, n: int) -> None:
        """The call has ended, with its answers or without; it was for n requests."""
        seconds = monotonic() - self._began.pop(token)
        with self._mutex:
            self.costs.observe(n, seconds)

    def busy_since(self) -> float | None:
        """The time.monotonic() at which the oldest call that runs began; None where none runs."""
        return min(tuple(self._began.values()), default=None)
