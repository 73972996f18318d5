"""Requests in flight when a signal comes, on a container of their own (A3, A10, A11, B1).

There are two kinds. Requests of which half is sent occupy whatever reads requests until the other half comes,
so no timing decides whether they are in flight. Callers that send request after request keep a worker busy.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from longshore.check.client import Client, Connection
from longshore.check.exchange import Exchange, unanswered
from longshore.check.payloads import Payload
from longshore.check.rule import NotTried
from longshore.check.served import NotReady, Server
from longshore.check.session import Session

T = TypeVar("T")
_LEAVE_SECONDS = 0.5  # how long a server may take to say 100 Continue


def once_alone(session: Session, name: str, watch: Callable[[Server], T]) -> T:
    """Start a container as usual, watch it, and return the result, once per name.

    Raises:
        NotTried: The container does not start.
    """

    def look() -> T:
        session.base()
        try:
            with session.ready(session.usual()) as server:
                return watch(server)
        except NotReady as why_not:
            raise NotTried(f"a second container does not start: {why_not}") from None
        except OSError as error:
            raise NotTried(f"a container that is ready takes no connections: {error}") from None

    return session.once(name, look)


class HalfSent:
    """Requests of which half is sent; a context manager that closes their connections."""

    def __init__(self, client: Client, payload: Payload, count: int) -> None:
        """Raises OSError if the container accepts no connections."""
        half = len(payload.body) // 2  # so that at least one byte is left
        self._rest = payload.body[half:]
        self._begun: list[tuple[Connection, float]] = []
        named = {
            "Content-Type": payload.content_type,
            "Content-Length": str(len(payload.body)),
            "Expect": "100-continue",
            "Connection": "close",
        }
        with contextlib.ExitStack() as held:
            for _ in range(count):
                connection = held.enter_context(client.connect())
                begun = time.monotonic()
                connection.send(connection.head("POST", "/invocations", named))
                connection.interim(_LEAVE_SECONDS)  # 100 Continue shows that it is being read
                connection.send(payload.body[:half])
                self._begun.append((connection, begun))
            self._held = held.pop_all()

    def __enter__(self) -> HalfSent:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def finish(self, patience: float) -> list[Exchange]:
        """Send the other halves, and return the answers. patience: Seconds for each."""
        return [self._finish(connection, begun, patience) for connection, begun in self._begun]

    def _finish(self, connection: Connection, begun: float, patience: float) -> Exchange:
        request = "POST /invocations, half of it sent before SIGTERM"
        connection.socket.settimeout(patience)
        longest = patience + time.monotonic() - begun
        try:
            connection.send(self._rest)
            return connection.answer(request, "POST", begun, longest, longest)
        except (OSError, http.client.HTTPException) as error:
            return unanswered(request, error, begun, patience)


@contextlib.contextmanager
def callers(session: Session, client: Client, payload: Payload, count: int) -> Iterator[list[Exchange]]:
    """Run callers that send request after request, and yield the growing list of answers.

    The block starts once there are as many answers as callers. At its end each caller sends one more request.
    """
    answers: list[Exchange] = []
    stop = threading.Event()

    def call() -> None:
        last = False
        while not last:
            last = stop.is_set()
            answers.append(client.post(payload.body, payload.content_type))

    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    pause = threading.Event()
    try:
        while len(answers) < count and not session.closed:
            pause.wait(0.001)
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()
