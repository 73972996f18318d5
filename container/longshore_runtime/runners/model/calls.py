"""The calls of the model that run, and what those before have cost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import monotonic

from longshore_runtime.runners.base import Witness
from longshore_runtime.runners.model import forked
from longshore_runtime.runners.model.costs import Costs

# Of calls shorter than this, one in so many is looked at: learning from each would cost as much as the call.
_SHORT_SECONDS = 0.0005
_ONE_IN = 16


class Token:
    """A call that runs, and the witness's place of it."""

    __slots__ = ("place",)
    place: int | None


class Calls:
    """begin() and end() around each call of the model, from several threads at once."""

    def __init__(self, witness: Witness | None = None) -> None:
        self.costs = Costs()
        self._witness = witness
        self._mutex = threading.Lock()
        self._began: dict[Token, float] = {}
        self._short = 0

    def begin(self, request_ids: Sequence[str]) -> Token:
        """A call for these requests begins; what comes back is what end() wants."""
        token = Token()
        if self._witness is not None:
            token.place = self._witness.call(request_ids)
        self._began[token] = monotonic()
        return token

    def end(self, token: Token, n: int) -> None:
        """The call has ended, with its answers or without; it was for n requests."""
        if forked.is_child:
            forked.end()
        seconds = monotonic() - self._began.pop(token)
        if self._witness is not None:
            self._witness.returned(token.place)
        if seconds < _SHORT_SECONDS and self.costs.mean_seconds < _SHORT_SECONDS:
            self._short += 1
            if self._short % _ONE_IN:
                return
        with self._mutex:
            self.costs.observe(n, seconds)

    def busy_since(self) -> float | None:
        """The time.monotonic() at which the oldest call that runs began; None where none runs."""
        return min(tuple(self._began.values()), default=None)
