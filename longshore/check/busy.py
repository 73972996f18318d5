"""All workers kept busy for a while, and what is asked meanwhile."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longshore import limits
from longshore.check.client import Exchange

if TYPE_CHECKING:
    from longshore.check.session import Session

_CONNECTIONS = 64
_PAUSE_SECONDS = 0.02  # between two pings


@dataclass(frozen=True)
class Work:
    """answers: to the valid payload, sent on so many connections. pings, metrics: asked meanwhile."""

    connections: int
    answers: list[Exchange]
    pings: list[Exchange]
    metrics: Exchange


def busy(session: Session) -> Work:
    """Send the valid payload again and again for as long as the options say. NotTried without one."""
    payload = session.valid()
    client = session.client
    until = time.monotonic() + session.options.busy
    answers: list[Exchange] = []
    sending = threading.Barrier(_CONNECTIONS + 1)

    def send() -> None:
        sending.wait()
        while True:
            answers.append(client.post(payload.body, payload.content_type))
            if time.monotonic() >= until or session.closed:
                return

    threads = [threading.Thread(target=send) for _ in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    sending.wait()
    pings: list[Exchange] = []
    pause = threading.Event()
    metrics = None
    while time.monotonic() < until or not pings:
        pause.wait(_PAUSE_SECONDS)
        pings.append(client.get("/ping", timeout=limits.PING_SECONDS))
        if metrics is None:
            metrics = client.get("/metrics", timeout=limits.SCRAPE_SECONDS_RANGE[0])
        if session.closed:
            break
    for thread in threads:
        thread.join()
    assert metrics is not None
    return Work(_CONNECTIONS, answers, pings, metrics)
