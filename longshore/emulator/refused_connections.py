"""Answers the connections of clients that are refused, apart from those of admitted clients.

A refused client may send its request as slowly as it likes, on many connections: it takes none of the threads
that answer admitted clients.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading

from cheroot.server import HTTPConnection

_log = logging.getLogger("longshore.emulator")

SECONDS = 5.0  # to wait for a refused client's next bytes
_THREADS = 16
_WAITING_MAX = 128  # more are closed at once: each takes one of the process's open files
_ANSWER = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class RefusedConnections:
    """A queue of connections, and the threads that answer them. Call put() from one thread only."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[HTTPConnection | None] = queue.SimpleQueue()
        for _ in range(_THREADS):
            threading.Thread(target=self._run, name="refused connections", daemon=True).start()

    def put(self, connection: HTTPConnection) -> None:
        """Have a connection answered and closed; where too many wait, without its request being read."""
        if self._waiting.qsize() < _WAITING_MAX:
            self._waiting.put(connection)
            return
        with contextlib.suppress(OSError):
            connection.socket.setblocking(False)
            connection.socket.send(_ANSWER)
        with contextlib.suppress(OSError):
            connection.close()

    def stop(self) -> None:
        """End the threads, each once it has answered the connection that it has."""
        for _ in range(_THREADS):
            self._waiting.put(None)

    def _run(self) -> None:
        while (connection := self._waiting.get()) is not None:
            try:
                connection.communicate()  # type: ignore[no-untyped-call]
            except OSError:
                pass  # the client has gone
            except Exception:  # noqa: BLE001  # the thread goes on
                _log.exception("A refused connection")
            finally:
                with contextlib.suppress(OSError):
                    connection.close()
