"""Requests that keep all workers busy, and /ping and /metrics meanwhile."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longshore import limits
from longshore.check.exchange import Exchange

if TYPE_CHECKING:
    from longshore.check.session import Session

_CONNECTIONS = 64
_PAUSE_SECONDS = 0.02  # between two pings
# Sent requests may not have been read yet: the first ping may overtake them, the second does not.
_PINGS_AT_LEAST = 2


@dataclass(frozen=True)
class Work:
    """The answers to the valid payload on so many connections, and those to /ping and /metrics meanwhile."""

    connections: int
    answers: list[Exchange]
    pings: list[Exchange]
    metrics: Exchange


def busy(session: Session) -> Work:
    """Send the valid payload again and again for `options.busy` seconds.

    They start, like the pings, once each connection has sent its first request or timed out; before, the
    container may be idle.

    Raises:
        NotTried: There is no valid payload.
    """
    payload = session.valid()
    client = session.client
    answers: list[Exchange] = []
    done = threading.Event()

    def send(sent: threading.Event) -> None:
        while not done.is_set() and not session.closed:
            answers.append(client.post(payload.body, payload.content_type, sent=sent.set))
            sent.set()
        sent.set()

    under_way = [threading.Event() for _ in range(_CONNECTIONS)]
    threads = [threading.Thread(target=send, args=(sent,)) for sent in under_way]
    for thread in threads:
        thread.start()
    for sent in under_way:
        sent.wait()
    until = time.monotonic() + session.options.busy
    pings: list[Exchange] = []
    metrics = None
    while time.monotonic() < until or len(pings) < _PINGS_AT_LEAST:
        pings.append(client.get("/ping", timeout=limits.PING_SECONDS))
        if metrics is None:
            metrics = client.get("/metrics", timeout=limits.SCRAPE_SECONDS_RANGE[0])
        if session.closed:
            break
        time.sleep(_PAUSE_SECONDS)
    done.set()
    for thread in threads:
        thread.join()
    assert metrics is not None
    return Work(_CONNECTIONS, answers, pings, metrics)
