"""What a call of the model costs: about a * n + b seconds for n requests, as measured lately.

A least-squares fit in which older calls count less and less. A call that takes far longer than calls
like it (the machine was busy with something else) counts as a moderately long one, unless several come
in a row: then things have changed.
"""

from __future__ import annotations

_REMEMBERED = 32  # calls
_TRUSTED_AFTER = 8  # calls: before that nothing is known to be odd
_ODD = 3.0  # times what was expected
_CHANGED_AFTER = 3  # odd calls in a row
_HARDLY_VARIED = 0.01  # the variance of n below which its share of the cost cannot be told


class Costs:
    """observe() each call, then ask. Not for several threads at once."""

    def __init__(self) -> None:
        self.calls = 0
        self.mean_seconds = 0.0  # of a call, whatever its size
        self._mean_n = 0.0
        self._variance = 0.0
        self._covariance = 0.0
        self._odd = 0
        self._largest_seen = 0

    def observe(self, n: int, seconds: float) -> None:
        """A call with n requests took so many seconds."""
        if self.calls >= _TRUSTED_AFTER:
            most = _ODD * self.expected(n) + 0.001
            self._odd = self._odd + 1 if seconds > most else 0
            if self._odd <= _CHANGED_AFTER:
                seconds = min(seconds, most)
        self.calls += 1
        self._largest_seen = max(self._largest_seen, n)
        weight = 1 / min(self.calls, _REMEMBERED)
        more, longer = n - self._mean_n, seconds - self.mean_seconds
        self._mean_n += weight * more
        self.mean_seconds += weight * longer
        self._variance = (1 - weight) * (self._variance + weight * more * more)
        self._covariance = (1 - weight) * (self._covariance + weight * more * longer)

    def expected(self, n: int) -> float:
        """Seconds a call with n requests should take; 0 while none has been seen."""
        each, fixed = self._fit()
        return each * n + fixed

    def largest(self, seconds: float) -> int:
        """The most requests, at least 1, a call may have that should take no longer than this.

        At most twice as many as any call had so far: what is further away is not known yet.
        """
        if self.expected(1) > seconds:
            return 1
        bound = max(1, 2 * self._largest_seen)
        each, fixed = self._fit()
        return bound if each * bound + fixed <= seconds else max(1, int((seconds - fixed) / each))

    def _fit(self) -> tuple[float, float]:
        """a and b, neither below 0."""
        if self._variance < _HARDLY_VARIED:
            return 0.0, self.mean_seconds
        each = max(0.0, self._covariance / self._variance)
        fixed = self.mean_seconds - each * self._mean_n
        if fixed < 0:
            return self.mean_seconds / self._mean_n, 0.0
        return each, fixed
