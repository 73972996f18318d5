"""When gunicorn's master may start the next worker, after some that could not start."""

from __future__ import annotations

import time

_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 60.0


class Retries:
    """Waits twice as long after each failed start, from 1 s to 60 s."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._not_before = 0.0

    @property
    def due(self) -> bool:
        """Whether a worker may be started now."""
        return time.monotonic() >= self._not_before

    def failed(self) -> float:
        """A worker could not start; return the number of seconds until the next one may."""
        if self.due:  # otherwise it was started together with one that has failed before
            self._seconds = min(max(_FIRST_SECONDS, 2 * self._seconds), _LONGEST_SECONDS)
            self._not_before = time.monotonic() + self._seconds
        return self._not_before - time.monotonic()

    def worked(self) -> None:
        """All workers serve."""
        self._seconds = 0.0

    def at_once(self) -> None:
        """A worker that served is missing: do not wait."""
        self._seconds = self._not_before = 0.0
