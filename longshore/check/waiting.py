"""Long waits of a check: each has a limit, and says after a few seconds what it waits for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from longshore.check.exchange import duration, excerpt
from longshore.engines.base import Running

if TYPE_CHECKING:
    from longshore.check.served import Log
    from longshore.check.session import Session

_FIRST_SECONDS = 5.0
_LAST_LINE_CHARACTERS = 120


class Wait:
    """One wait.

    Args:
        what: What is waited for, as in "`train` to end".
        seconds: How long at most.
        limit: The option that sets the limit, or what else does.
        log: Of the container, for its last line.
        first: Seconds until the first line; each later one takes twice as long.
    """

    def __init__(
        self,
        session: Session,
        what: str,
        seconds: float,
        limit: str,
        log: Log | None,
        first: float = _FIRST_SECONDS,
    ) -> None:
        self._session = session
        self._what = what
        self._limit = f"{duration(seconds)} ({limit})"
        self._log = log
        self._begun = time.monotonic()
        self._end = self._begun + seconds
        self._pause = first
        self._next = self._begun + first

    def report(self) -> None:
        """Say what is waited for, if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next, self._pause = now + self._pause, self._pause * 2
        said = [line.text for line in (self._log.lines if self._log else []) if line.text.strip()][-1:]
        last = f"its last line: {excerpt(said[0], _LAST_LINE_CHARACTERS)}" if said else "it wrote nothing"
        seconds = now - self._begun
        self._session.notice(
            f"Waiting for {self._what}: {seconds:.0f} s so far, at most {self._limit}; {last}"
        )

    def until_exit(self, running: Running) -> int | None:
        """Wait for a container's end.

        Returns:
            Its exit code, or None if it still runs.
        """
        while True:
            now = time.monotonic()
            code = running.wait(max(0.0, min(self._end, self._next) - now))
            if code is not None or time.monotonic() >= self._end:
                return code
            self.report()
