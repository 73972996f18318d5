"""gunicorn's threaded worker, with threads that fetch their requests themselves.

gunicorn's own has one thread wait for all connections and hand each request to a pool, which hands the
connection back: two changes of thread a request, each of which may wait for the interpreter. Here every
thread waits on the one epoll, takes whichever connection is ready next, answers it, and waits again.
Ready connections are taken in turn, so none of them starves, and which thread comes is no matter. What
that saves stands in bench/results.md.

The main thread accepts connections, tells gunicorn that this process lives, and stops it. Nobody closes
idle connections: nginx, the only client, does that.
"""

from __future__ import annotations

import logging
import select
import selectors
import threading
import time
from typing import Any

from gunicorn.workers import gthread

log = logging.getLogger("worker")

# One event, then silence until armed again: no two threads get the same connection.
_ONCE = select.EPOLLIN | select.EPOLLONESHOT
_LOOK_AGAIN_SECONDS = 0.05


class ThreadWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn is published without types
    """Reads, answers and closes as gunicorn's does: handle() is inherited."""

    def run(self) -> None:
        """Serve until told to stop; then end what is in flight, `graceful_timeout` seconds at most."""
        self._epoll = select.epoll()
        self._connections: dict[int, gthread.TConn] = {}
        self._busy: set[int] = set()
        for number in range(self.cfg.threads):
            # Daemons: a call that never returns must not keep the process from ending.
            threading.Thread(target=self._take_turns, name=f"http-{number}", daemon=True).start()
        # How a signal wakes this thread.
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        while self.alive and self.is_parent_alive():
            self.notify()
            self.set_accept_enabled(len(self._connections) < self.worker_connections)
            self.wait_for_and_dispatch_events(timeout=1.0)
        self._finish()

    def accept(self, listener: Any) -> None:
        """In the main thread, when a connection waits."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another worker was faster, or the client has gone
        connection = gthread.TConn(self.cfg, client, address, listener.getsockname())
        connection.data_ready = True  # it is only handled once it is
        self._connections[client.fileno()] = connection
        self._epoll.register(client.fileno(), _ONCE)

    def _take_turns(self) -> None:
        """In each of the threads: answer whichever connection is ready next."""
        while True:
            for descriptor, _ in self._epoll.poll(maxevents=1):
                self._busy.add(descriptor)
                connection = self._connections[descriptor]
                keep = False
                try:
                    keep = self.handle(connection)
                    # What was read ahead causes no event.
                    while keep and connection.parser.unreader.buf.getvalue():
                        keep = self.handle(connection)
                except BaseException:  # handle() deals with all it knows; a thread must survive the rest
                    log.exception("a connection failed")
                self._busy.discard(descriptor)
                if keep:
                    self._epoll.modify(descriptor, _ONCE)
                else:
                    del self._connections[descriptor]  # before its number can be used again
                    connection.close(graceful=True)

    def _finish(self) -> None:
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        begun = time.monotonic()
        while self._connections and time.monotonic() - begun < self.cfg.graceful_timeout:
            # A request may be on its way on a connection still idle: it is answered, and told to close.
            lingering = time.monotonic() - begun < gthread.STOP_KEEPALIVE_LINGER
            if not (self._busy or lingering):
                break
            self.notify()
            time.sleep(_LOOK_AGAIN_SECONDS)
