"""The health authority: what /ping says.

The supervisor answers it, never a worker, so that the answer comes in time while every worker computes
(A8, A10), and so that it is true: the supervisor knows which workers have loaded, which have died or are
stuck, what is nearly used up, and whether it is stopping.
"""

from __future__ import annotations

from collections.abc import Callable


class Health:
    """Whether an /invocations sent now would be served: the supervisor writes, the server's threads read.

    resources: what is nearly used up, in a sentence; asked where the workers are well.
    """

    def __init__(self, resources: Callable[[], str | None]) -> None:
        self._resources = resources
        self._ready: set[int] = set()
        self._failing: dict[int, str] = {}
        self._stopping = False
        self._ever_ready = False

    def worker_ready(self, pid: int) -> None:
        self._ready.add(pid)
        self._ever_ready = True

    def worker_health(self, pid: int, why_not: str | None) -> None:
        if why_not is None:
            self._failing.pop(pid, None)
        else:
            self._failing[pid] = why_not

    def worker_gone(self, pid: int) -> None:
        self._ready.discard(pid)
        self._failing.pop(pid, None)

    def drain(self) -> None:
        self._stopping = True

    @property
    def ready(self) -> frozenset[int]:
        """The pids of the workers that have loaded."""
        return frozenset(self._ready)

    @property
    def ever_ready(self) -> bool:
        """Whether any worker has loaded since the start."""
        return self._ever_ready

    def why_not(self) -> str | None:
        """None where requests are served; otherwise the reason they are not, in a sentence."""
        if self._stopping:
            return "The server is stopping."
        failing = dict(self._failing)  # the supervisor's thread may change it meanwhile
        if self._ready - failing.keys():
            return self._resources()
        if failing:
            return next(iter(failing.values()))
        if self._ever_ready:
            return "Every worker has died; new ones are loading the model."
        return "No worker has loaded the model yet."
