"""Requests in flight, then a signal: what becomes of them and of a container of their own (A3, A10, A11, B1).

In flight means two things. What is half sent is with whoever reads requests, for as long as the other half
is held back: no timing decides whether it is there when the signal comes. What callers ask again and again is
with the workers, of which there is always one that has something to do.
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
    """What was seen of a container that only this asks, started as usual; seen once for all rules that use
    the name. NotTried where there is none."""

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
    """Requests of which half is sent; leave a with block to close their connections."""

    def __init__(self, client: Client, payload: Payload, count: int) -> None:
        """OSError where the container takes no connections."""
        half = len(payload.body) // 2  # so that one byte at least is left for later
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
                _wait_for_leave(connection)
                connection.send(payload.body[:half])
                self._begun.append((connection, begun))
            self._held = held.pop_all()

    def __enter__(self) -> HalfSent:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def finish(self, patience: float) -> list[Exchange]:
        """Send the other halves: what comes for each, within so many seconds."""
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


def _wait_for_leave(connection: Connection) -> None:
    """Until 100 Continue says that the request is being read; without it, a little."""
    usual = connection.socket.gettimeout()
    connection.socket.settimeout(_LEAVE_SECONDS)
    with contextlib.suppress(OSError):
        got = b""
        while not got.endswith(b"\r\n\r\n"):
            part = connection.socket.recv(1)
            if not part:
                break
            got += part
    connection.socket.settimeout(usual)


@contextlib.contextmanager
def callers(session: Session, client: Client, payload: Payload, count: int) -> Iterator[list[Exchange]]:
    """So many callers ask again and again. The block begins when there are as many answers; at its end each
    asks once more, and has its last answer. Yields all answers, as they come."""
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
