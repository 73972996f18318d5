"""gunicorn's threaded worker, with threads that fetch their requests themselves.

gunicorn's own has one thread wait for all connections and hand each request to a pool, which hands the
connection back: two changes of thread a request, each of which waits for the interpreter. Here the thread
that has the turn (turns.py) waits on one epoll for all connections, answers the one that is ready next,
and waits again. Ready connections are taken in the order in which they became ready, so none starves.
It accepts new ones as well: another thread would wait for the interpreter before each. What that saves
stands in bench/results.md.

The main thread tells gunicorn that this process lives, and stops it. Nobody closes idle connections:
nginx, the only client, does that.
"""

from __future__ import annotations

import logging
import select
import selectors
import threading
import time
from typing import Any

from gunicorn.workers import gthread

from app.serving import turns

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
        self._listeners = {listener.fileno(): listener for listener in self.sockets}
        for listener in self.sockets:
            listener.setblocking(False)
        self._listen(True)
        for number in range(self.cfg.threads):
            # Daemons: a call that never returns must not keep the process from ending.
            threading.Thread(target=self._answer, name=f"http-{number}", daemon=True).start()
        # How a signal wakes this thread.
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        while self.alive and self.is_parent_alive():
            self.notify()
            self.wait_for_and_dispatch_events(timeout=1.0)
        self._finish()

    def _listen(self, listen: bool) -> None:
        for descriptor in self._listeners:
            if listen:
                self._epoll.register(descriptor, select.EPOLLIN)
            else:
                self._epoll.unregister(descriptor)
        self._listening = listen

    def _answer(self) -> None:
        """In each of the threads, for ever."""
        while True:
            turns.take()
            while turns.has():
                for descriptor, _ in self._epoll.poll(maxevents=1):
                    if descriptor in self._listeners:
                        self._accept(self._listeners[descriptor])
                    else:
                        self._handle_ready(descriptor)

    def _accept(self, listener: Any) -> None:
        """Accept all that wait: one at a time, the last would wait for as many answers as came before it."""
        while len(self._connections) < self.worker_connections:
            try:
                client, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return  # there are no more, another worker was faster, or the client has gone
            connection = gthread.TConn(self.cfg, client, address, listener.getsockname())
            connection.data_ready = True  # it is only handled once it is
            self._connections[client.fileno()] = connection
            self._epoll.register(client.fileno(), _ONCE)
        self._listen(False)  # the rest wait in the socket's queue until one of these is closed

    def _handle_ready(self, descriptor: int) -> None:
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
            if self.alive and not self._listening:
                self._listen(True)

    def _finish(self) -> None:
        if self._listening:
            self._listen(False)
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
