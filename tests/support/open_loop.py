"""An open-loop client: it sends requests at a steady rate, whatever has become of those before them.

Each request has a number in it, and its answer is held against that: one right answer, or a clean refusal.
One thread and one epoll, with connections that are kept and opened as needed, or one for each request. It is
made to be cheap, since it shares the cores with the server: some 30 µs a request.
`python -m tests.support.open_loop PORT RATE SECONDS [--ping] [--fresh] [--patience SECONDS]` writes what
became of each request to stdout, as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import json
import re
import resource
import select
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

PROBLEM = b"application/problem+json"
_PING = b"GET /ping HTTP/1.1\r\nHost: open-loop\r\n"
_POST = (
    b"POST /invocations HTTP/1.1\r\nHost: open-loop\r\n"
    b"Content-Type: text/csv\r\nAccept: text/csv\r\nContent-Length: %d\r\n"
)
REFUSED, TIMED_OUT = "connection refused", "timed out"
# On a kept connection a client must reckon with that: the server may close it whenever it is idle.
CLOSED, KEPT_CLOSED = "closed without an answer", "a kept connection closed"
_FRACTION = 0.25  # what the model adds to a request's number
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_IN = select.EPOLLIN | select.EPOLLRDHUP
# Above this rate, in requests a second, what happens within a millisecond is dealt with in one go. That is
# several times cheaper, and makes latencies longer by up to a millisecond, never shorter.
_BUSY_RATE, _PAUSE_SECONDS = 200.0, 0.001
_LOOK_SECONDS = 0.05


class Outcome(NamedTuple):
    """What became of a request. due: the time.monotonic() at which it was to be sent; late: the seconds after
    that at which it was; seconds: from due to the end of the answer, or to whatever came instead.

    kind: the status of a right answer or of an error as problem+json; otherwise words for what is wrong.
    """

    number: int
    due: float
    late: float
    seconds: float
    kind: str


def at_the_end(outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes where a server was stopped: who was connected by the kernel alone was refused.

    Connections are accepted in their order. So those that were closed, and asked after all that got an
    answer, never were.
    """
    last = max((o.due + o.late for o in outcomes if o.kind.isdigit()), default=0.0)
    never = [o for o in outcomes if o.kind == CLOSED and o.due + o.late > last]
    return [o._replace(kind=REFUSED) if o in never else o for o in outcomes]


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    number: int = -1  # of the request under way; -1 where none is
    due: float = 0.0
    late: float = 0.0
    received: bytes = b""
    connected: bool = False
    answers: int = 0


class OpenLoop:
    """run() sends and receives in the calling thread; outcomes grows meanwhile, and may be read by others.

    rate: requests a second. The server's model must answer the sum of a row of CSV. ping: GET /ping instead.
    keep: whether connections are used again. patience: the seconds after which a request is given up.
    """

    def __init__(
        self, port: int, rate: float, *, ping: bool = False, keep: bool = True, patience: float = 30.0
    ) -> None:
        self.outcomes: list[Outcome] = []
        self.sent = 0
        self._address = ("127.0.0.1", port)
        self._rate = rate
        self._ping = ping
        self._keep = keep
        self._patience = patience
        self._pause = _PAUSE_SECONDS if rate > _BUSY_RATE else 0.0
        end = b"\r\n" if keep else b"Connection: close\r\n\r\n"
        self._request = _PING + end if ping else _POST + end + b"%b"
        self._epoll = select.epoll()
        self._connections: dict[int, _Connection] = {}
        self._idle: list[_Connection] = []
        self._under_way: dict[int, _Connection] = {}  # by number, and so by age
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Have run() send no more, and return when all that was sent is settled. For another thread."""
        self._stopping.set()

    def run(self, seconds: float = float("inf")) -> None:
        """Send for so long, or until stop(); return when each request has its outcome."""
        began = looked = time.monotonic()
        while True:
            sending = not self._stopping.is_set() and self.sent < seconds * self._rate
            if not (sending or self._under_way):
                break
            now = time.monotonic()
            due = began + self.sent / self._rate
            if sending and due <= now:
                self._send(due)
                continue
            if self._pause:
                time.sleep(self._pause)
                wait = 0.0
            else:
                wait = min(due - now, _LOOK_SECONDS) if sending else _LOOK_SECONDS
            for descriptor, _ in self._epoll.poll(wait):
                self._happened(descriptor)
            if now - looked > _LOOK_SECONDS:
                looked = now
                self._give_up()
        for connection in self._idle:
            connection.socket.close()
        self._epoll.close()

    def _send(self, due: float) -> None:
        number, self.sent = self.sent, self.sent + 1
        connection = self._kept()
        if connection is None:
            connection = _Connection(socket.socket())
            connection.socket.setblocking(False)
        connection.number, connection.due, connection.late = number, due, time.monotonic() - due
        self._under_way[number] = connection
        if connection.connected:
            self._write(connection)
            return
        code = connection.socket.connect_ex(self._address)
        if code not in (0, errno.EINPROGRESS):
            self._failed(connection, code)
            return
        self._connections[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket, select.EPOLLOUT)

    def _kept(self) -> _Connection | None:
        """A connection to use again; one that the server has closed meanwhile is none."""
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.socket.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return connection
            except OSError:
                pass
            self._close(connection)
        return None

    def _write(self, connection: _Connection) -> None:
        request = self._request
        if not self._ping:
            body = b"%d,%r\n" % (connection.number, _FRACTION)
            request = request % (len(body), body)
        try:
            connection.socket.send(request)
        except OSError as error:
            self._failed(connection, error.errno or 0)

    def _happened(self, descriptor: int) -> None:
        connection = self._connections.get(descriptor)
        if connection is None:
            return
        if not connection.connected:
            code = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._failed(connection, code)
                return
            connection.connected = True
            self._epoll.modify(descriptor, _IN)
            self._write(connection)
            return
        try:
            data = connection.socket.recv(65536)
        except OSError as error:
            self._failed(connection, error.errno or 0)
            return
        connection.received = connection.received + data if connection.received else data
        if connection.number < 0:
            self._close(connection)  # the server has had enough of it, or talks unasked
        elif not self._answered(connection) and not data:
            self._failed(connection, errno.ECONNRESET)

    def _answered(self, connection: _Connection) -> bool:
        """Whether the answer is there; then it is noted, and the connection free for the next request."""
        head, found, body = connection.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return False
        self._settle(connection, self._kind(connection.number, head, body))
        if self._keep and not _CLOSES.search(head) and len(body) == int(length[1]):
            connection.received = b""
            connection.answers += 1
            self._idle.append(connection)
        else:
            self._close(connection)
        return True

    def _kind(self, number: int, head: bytes, body: bytes) -> str:
        status = head[9:12].decode(errors="replace")
        if status != "200":
            return status if PROBLEM in head else f"{status}, not as problem+json"
        right = self._ping
        with contextlib.suppress(ValueError):
            right = right or float(body) == number + _FRACTION
        return status if right else "a wrong answer"

    def _failed(self, connection: _Connection, code: int) -> None:
        closed = KEPT_CLOSED if connection.answers and not connection.received else CLOSED
        self._settle(connection, REFUSED if code == errno.ECONNREFUSED else closed)
        self._close(connection)

    def _settle(self, connection: _Connection, kind: str) -> None:
        if self._under_way.pop(connection.number, None) is not None:
            seconds = time.monotonic() - connection.due
            self.outcomes.append(Outcome(connection.number, connection.due, connection.late, seconds, kind))
        connection.number = -1

    def _close(self, connection: _Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
        self._connections.pop(connection.socket.fileno(), None)
        connection.socket.close()

    def _give_up(self) -> None:
        while self._under_way:
            oldest = next(iter(self._under_way.values()))
            if time.monotonic() - oldest.due < self._patience:
                return
            self._settle(oldest, TIMED_OUT)
            self._close(oldest)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--ping", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--patience", type=float, default=30.0)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    client = OpenLoop(given.port, given.rate, ping=given.ping, keep=not given.fresh, patience=given.patience)
    gc.disable()  # nothing here is in a circle, and the outcomes are many
    began = time.process_time()
    client.run(given.seconds)
    json.dump({"cpu_seconds": time.process_time() - began, "outcomes": client.outcomes}, sys.stdout)


if __name__ == "__main__":
    main()
