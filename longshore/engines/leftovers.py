"""What an engine could not take away because it did not answer: tried again until it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from longshore.errors import UserError

_AGAIN_SECONDS = 1.0


class Leftovers:
    """take_away: removes a container and its network; UserError where it cannot."""

    def __init__(self, take_away: Callable[[str, str | None], None]) -> None:
        self._take_away = take_away
        self._lock = threading.Lock()
        self._left: dict[str, str | None] = {}

    def remove(self, name: str, network: str | None) -> None:
        """Now, or else in a thread that lives until all is gone."""
        try:
            self._take_away(name, network)
        except UserError:
            self.add(name, network)

    def add(self, name: str, network: str | None) -> None:
        """To be removed by that thread, where it is known that the engine does not answer now."""
        with self._lock:
            self._left[name] = network
            if len(self._left) == 1:
                threading.Thread(target=self._try_again, name="leftovers", daemon=True).start()

    def _try_again(self) -> None:
        while True:
            with self._lock:
                name, network = next(iter(self._left.items()))
            try:
                self._take_away(name, network)
            except UserError:
                with self._lock:
                    self._left[name] = self._left.pop(name)  # the others have their turn first
                time.sleep(_AGAIN_SECONDS)
                continue
            with self._lock:
                del self._left[name]
                if not self._left:
                    return
