"""The threads of a transfer: as many as may be where they wait, and never more."""

from __future__ import annotations

import threading

from longshore_runtime.runners.algorithm.s3.crew import Crew

PATIENCE = 30


def test_more_threads_join_while_they_wait_and_never_more_than_may() -> None:
    may, together = 6, threading.Barrier(6)
    lock, running, most = threading.Lock(), 0, 0

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(PATIENCE)  # none goes on before six of them run at once
        with lock:
            running -= 1

    Crew().work([job] * (may * 3), may, threading.Event(), lambda moved: "")
    assert most == may
