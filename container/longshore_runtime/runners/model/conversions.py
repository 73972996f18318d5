"""The decodes and encodes that run, for the watchdog: a hung one ends the worker as a hung predict does."""

from __future__ import annotations

from time import monotonic

from longshore_runtime.runners.base import Step, Witness
from longshore_runtime.runners.model import forked

# One that has run for so long the witness is told of. To tell it of each would take longer than many of them.
_LONG_SECONDS = 0.5
# Beside one this long, changing threads costs next to nothing. Learned from the last sixteen or so.
_NOT_QUICK_SECONDS, _WEIGHT = 0.001, 1 / 16

# When it began (time.monotonic()), whose it is, "a decode" or "an encode". A tuple is what is made soonest.
Conversion = tuple[float, str, str]


class Conversions:
    """begin() and end() around each, from several threads at once: 0.3 µs for both."""

    def __init__(self, witness: Witness | None = None) -> None:
        self._witness = witness
        self._mean: float | None = None
        self._running: set[Conversion] = set()
        self._places: dict[Conversion, int | None] = {}  # the witness's, of those that it has been told of

    def begin(self, began: float, request_id: str, what: str) -> Conversion:
        """One begins; what comes back is what end() wants."""
        conversion = (began, request_id, what)
        self._running.add(conversion)
        return conversion

    def end(self, conversion: Conversion) -> None:
        """It has ended, whatever came of it."""
        if forked.is_child:
            forked.end()
        self._running.discard(conversion)
        seconds = monotonic() - conversion[0]
        mean = seconds if self._mean is None else self._mean
        self._mean = mean + (seconds - mean) * _WEIGHT

    def are_quick(self) -> bool:
        """Return whether they are so short that the thread that calls the model may as well do them.

        False while nothing is known: a user's own may take any time.
        """
        return self._mean is not None and self._mean < _NOT_QUICK_SECONDS

    def look(self) -> Step | None:
        """The oldest, None where none runs. To be called every second: by it the witness learns what runs."""
        running = self._running.copy()
        if self._witness is not None:
            for ended in self._places.keys() - running:
                self._witness.returned(self._places.pop(ended))
            for conversion in running - self._places.keys():
                began, request_id, _ = conversion
                if monotonic() - began > _LONG_SECONDS:
                    self._places[conversion] = self._witness.call((request_id,), began)
        return min((Step(began, what) for began, _, what in running), default=None)
