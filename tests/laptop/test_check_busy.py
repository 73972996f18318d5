"""What the checker means by busy: every connection's request has been sent before anything else is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from longshore.check.busy import busy
from longshore.check.options import Options
from longshore.check.payloads import CSV, Payload
from longshore.check.session import Session

# More than the kernel keeps for a sender, 4 MB, and for our receiver: much has been read of what is all sent.
PAYLOAD = Payload(b"1" * 6_000_000 + b"\n", CSV, "a test")
_READ_AT_LEAST = 1_000_000
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Recorder:
    """A server that lets all POST but the first one wait until the second ping has come.

    ahead: of how many of them it had read as much as must have been read of each, as each ping came.
    """

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.ahead: list[int] = []
        self._lock = threading.Lock()
        self._posts = self._read = 0
        self._second_ping = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            head = connection.recv(65536)
            if head.startswith(b"POST"):
                with self._lock:
                    self._posts += 1
                    first = self._posts == 1
                self._take(connection, len(head) - head.index(b"\r\n\r\n") - 4, first)
            elif head.startswith(b"GET /ping"):
                with self._lock:
                    self.ahead.append(self._read)
                    if len(self.ahead) == 2:
                        self._second_ping.set()
            connection.sendall(_ANSWER)

    def _take(self, connection: socket.socket, read: int, first: bool) -> None:
        while read < _READ_AT_LEAST:
            read += len(connection.recv(65536))
        if not first:
            with self._lock:
                self._read += 1
        while read < len(PAYLOAD.body):
            read += len(connection.recv(65536))
        if not first:
            self._second_ping.wait()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    one = Recorder()
    yield one
    one.listener.shutdown(socket.SHUT_RDWR)
    one.listener.close()


def test_ping_is_asked_when_every_request_has_been_sent(recorder: Recorder) -> None:
    """busy=0: it is no length of time that lets them come first."""
    options = replace(Options(payload=PAYLOAD), busy=0.0)
    with Session(None, recorder.url, options) as session:
        work = busy(session)
    assert recorder.ahead[:2] == [0, work.connections], "the first ping is the session's own"
    assert all(each.ok for each in (*work.answers, *work.pings, work.metrics))
