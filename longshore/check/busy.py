"""All workers kept busy for a while, and what is asked meanwhile."""

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
# What has been sent may not have been read: the first ping may still be before it, the second is not.
_PINGS_AT_LEAST = 2


@dataclass(frozen=True)
class Work:
    """answers: to the valid payload, sent on so many connections. pings, metrics: asked meanwhile."""

    connections: int
    answers: list[Exchange]
    pings: list[Exchange]
    metrics: Exchange


def busy(session: Session) -> Work:
    """Send the valid payload again and again for as long as the options say. NotTried without one.

    That time begins, and /ping is asked, when every connection's first request has been sent, or could not be
    within the options' patience: before, the container may have had nothing to do yet.
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
