"""Why a worker has died, and whether workers do nothing but die."""

from __future__ import annotations

import signal
import time
from collections import deque
from typing import Any

from longshore_runtime import machine
from longshore_runtime.serving.blackbox import BlackBox

_IDS_TOLD = 5
# In a row, for each worker. A load that crashes will crash again; a request that crashes may be the last one.
_DEATHS_LOADING, _DEATHS_SERVING = 3, 5
_YOUNG_SECONDS = 60.0  # a worker that lived longer before it died did not die of being started
_OOM_SECONDS = 5.0  # from the kernel's killing a process to our hearing of it, at most


def cause(code: int, *, timed_out: bool = False, out_of_memory: bool = False) -> str:
    """What ended a process with this exit code, negative for a signal's number, in a few words."""
    if timed_out:
        return "time-out"
    if out_of_memory and code == -signal.SIGKILL:
        return "out of memory (SIGKILL by the kernel)"
    if code == -signal.SIGSEGV:
        return "segfault (SIGSEGV)"
    return name_of_signal(-code) if code < 0 else f"exit code {code}"


def name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def exit_code(code: int) -> int:
    """What this process exits with because a child did with `code`: it had no leave to, so never 0."""
    return 128 - code if code < 0 else code or 1


def story(why: str, box: BlackBox) -> tuple[str, dict[str, Any]]:
    """What is known of a worker that died of `why`: the rest of a sentence, and the log line's fields."""
    in_flight, answered = box.requests(in_flight=True), box.requests(in_flight=False)
    calls = box.calls()  # one with all of a batch, unless the model allows several at once
    batch = sum(call.requests for call in calls)
    computing = [request_id for call in calls for request_id in call.ids]
    parts = [f"{box.answered} requests answered"]
    if box.rss:
        parts.append(f"{box.rss / 1e6:.0f} MB resident")
    if calls:
        parts.append(f"computing {batch}: {', '.join(computing[:_IDS_TOLD])}")
    parts.append(f"in flight: {', '.join(in_flight[-_IDS_TOLD:]) or 'nothing'}")
    if answered:
        parts.append(f"before: {', '.join(answered[-_IDS_TOLD:])}")
    fields = {
        "cause": why,
        "answered": box.answered,
        "rss_bytes": box.rss,
        "batch": batch,
        "computing": computing,
        "in_flight": in_flight,
        "last_answered": answered[-_IDS_TOLD:],
    }
    return "; ".join(parts), fields


class OomKills:
    """The kernel's count of what it killed in this cgroup for want of memory: each explains one SIGKILL."""

    def __init__(self, roots: machine.Roots | None = None) -> None:
        self._roots = roots or machine.Roots()
        self._seen = machine.oom_kills(self._roots)
        self._unexplained: deque[float] = deque()

    def look(self) -> None:
        """To be called every second or so: a kill long past explains nothing, it was another process's."""
        now = time.monotonic()
        kills = machine.oom_kills(self._roots)
        self._unexplained.extend([now] * (kills - self._seen))
        self._seen = kills
        while self._unexplained and now - self._unexplained[0] > _OOM_SECONDS:
            self._unexplained.popleft()

    def explain(self, code: int) -> bool:
        """Whether a process of ours that ended with this code was killed so."""
        self.look()
        if code == -signal.SIGKILL and self._unexplained:
            self._unexplained.popleft()
            return True
        return False


class CrashLoop:
    """Counts deaths in a row between which nobody answered anything: while loading, and later."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._loading = 0
        self._serving = 0
        self._answered = 0

    def died(self, answered: int, ready_at: float | None) -> bool:
        """Whether this death shows a crash loop. answered: requests, by all workers there ever were.

        ready_at: as BlackBox has it. A single request that crashes whoever gets it makes no loop while others
        are answered, and neither does a worker that dies once a day.
        """
        if answered > self._answered:
            self._answered = answered
            self._loading = self._serving = 0
            return False
        if ready_at is None:
            self._loading += 1
            return self._loading >= self._workers * _DEATHS_LOADING
        self._loading = 0  # this one had loaded
        old = time.monotonic() - ready_at > _YOUNG_SECONDS
        self._serving = 0 if old else self._serving + 1
        return self._serving >= self._workers * _DEATHS_SERVING
