"""Values that are made once, on first use, by any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from longshore.check.rule import NotTried

T = TypeVar("T")


class Once(Generic[T]):
    """A value that is made on first use; if that raises NotTried, every use does."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []
        self._why_not: NotTried | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._why_not is not None:
                raise NotTried(str(self._why_not))
            if not self._made:
                try:
                    self._made.append(self._make())
                except NotTried as why_not:
                    self._why_not = why_not
                    raise
            return self._made[0]
