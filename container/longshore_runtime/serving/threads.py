"""gunicorn's threaded worker, with threads that fetch their requests themselves (and answer by exchange.py).

gunicorn's own has one thread wait for all connections and hand each request to a pool, which hands the
connection back: two changes of thread a request, each of which waits for the interpreter. Here the thread
that has the turn (turns.py) waits on one epoll for all connections, answers the one that is ready next,
and waits again. Ready connections are taken in the order in which they became ready, so none starves.
It accepts new ones as well: another thread would wait for the interpreter before each. What that saves
stands in bench/results.md. A request that has to wait for the model is parked (parking.py), its connection
neither read nor watched until it has its answer.

A thread is started when the turn is handed over and none waits for it: as many as ever work at a time.

The main thread tells gunicorn that this process lives, and stops it. It also takes the turn from a thread
that stays with one request for long and had no reason to expect that, so that the others are read, and
refused where need be. Nobody closes idle connections: nginx, the only client, does that.
"""

from __future__ import annotations

import contextvars
import logging
import os
import resource
import select
import selectors
import threading
import time
from functools import partial
from typing import Any

from gunicorn.workers import gthread

from longshore_runtime.runners.model.item import Steps
from longshore_runtime.serving import exchange, parking
from longshore_runtime.serving.predictor import Reply
from longshore_runtime.serving.turns import turns

log = logging.getLogger("worker")

# One event, then silence until armed again: no two threads get the same connection.
_ONCE = select.EPOLLIN | select.EPOLLONESHOT
_LOOK_AGAIN_SECONDS = 0.05
_WATCH_SECONDS = 0.02
_IDLE_SECONDS = 1.0
_TELL_AGAIN_SECONDS = 60.0
_EPOLL_SECONDS = 0.001  # what it takes times in


class ThreadWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn is published without types
    """Reads, answers and closes as gunicorn's does, but for what exchange.py takes."""

    def run(self) -> None:
        """Serve until told to stop; then end what is in flight, `graceful_timeout` seconds at most."""
        from longshore_runtime.serving import flask_app  # loaded by now, and only in a worker

        self._hot_path = flask_app.hot_path(self.wsgi)
        queue = self._hot_path.queue if self._hot_path else None
        self._parking = None if queue is None else parking.Parking(queue)
        self._epoll = select.epoll()
        if self._parking is not None:
            self._epoll.register(self._parking.bell, select.EPOLLIN)
        self._connections: dict[int, gthread.TConn] = {}
        self._busy: set[int] = set()
        self._listeners = {listener.fileno(): listener for listener in self.sockets}
        for listener in self.sockets:
            listener.setblocking(False)
        self._listen_guard = threading.Lock()
        self._listening = False
        self._listen(True)
        self._told = -_TELL_AGAIN_SECONDS  # when it was last told that no connection can be accepted
        self._threads = 0
        # How many events the threads have begun in their turns, and whether the turn's thread is at one now.
        self._events = 0
        self._at_one = False
        self._watched = True  # whether the main thread looks at them often; otherwise it wants to be woken
        turns.when_nobody_waits = self._start_thread
        self._start_thread()
        # How a signal wakes this thread.
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        seen = 0
        while self.alive and self.is_parent_alive():
            self.notify()
            self._watched = False  # first: a thread that begins an event after the next line sees it
            events, at_one = self._events, self._at_one
            if at_one and events == seen:
                turns.take_away()
            self._watched = at_one or events != seen
            seen = events
            if len(self._connections) < self.worker_connections:
                self._listen(True)  # again, where none could be accepted
            self.wait_for_and_dispatch_events(_WATCH_SECONDS if self._watched else _IDLE_SECONDS)
        self._finish()

    def leave_to_parent(self) -> None:
        """Let go of the connections, in a child process that the user's code has forked."""
        for connection in list(getattr(self, "_connections", {}).values()):
            os.close(connection.sock.detach())

    def _start_thread(self) -> None:
        if self._threads >= self.cfg.threads:
            return  # one of them will come back
        self._threads += 1
        # Daemons: a call that never returns must not keep the process from ending.
        thread = threading.Thread(target=self._answer, name=f"http-{self._threads}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # this user may have no more
            log.exception("a thread could not be started")
            self._threads -= 1

    def _listen(self, listen: bool) -> None:
        with self._listen_guard:
            for descriptor in self._listeners if listen != self._listening else ():
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
                self._at_one = False
                descriptor = self._next_ready()
                self._begin_event()
                try:
                    if descriptor is not None:
                        self._handle_event(descriptor)
                    elif self._parking is not None:
                        self._parking.act()
                except BaseException:  # a thread must survive whatever a model raises
                    log.exception("a thread failed")

    def _next_ready(self) -> int | None:
        """What there is to read next; None where there is something else to do first."""
        waits = self._parking.waits() if self._parking else None
        if waits is not None and waits < 0.0:
            return None
        if waits is None or waits >= _EPOLL_SECONDS:
            events = self._epoll.poll(waits, 1)
        else:
            events = self._epoll.poll(0.0, 1)
            if waits and not events:
                time.sleep(waits)
                events = self._epoll.poll(0.0, 1)
        return events[0][0] if events else None

    def _begin_event(self) -> None:
        """Have the main thread see to it that others are read, should this take long."""
        self._events += 1
        self._at_one = True
        if not self._watched:
            self._watched = True
            self.method_queue.defer(lambda: None)

    def _handle_event(self, descriptor: int) -> None:
        if descriptor in self._listeners:
            self._accept(self._listeners[descriptor])
        elif self._parking is not None and descriptor == self._parking.bell:
            self._parking.answer_one()
        else:
            self._handle_ready(descriptor)

    def _accept(self, listener: Any) -> None:
        """Accept all that wait: one at a time, the last would wait for as many answers as came before it."""
        while len(self._connections) < self.worker_connections:
            try:
                client, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return  # there are no more, another worker was faster, or the client has gone
            except OSError as error:
                self._tell_that_none_is_accepted(error)
                break
            connection = gthread.TConn(self.cfg, client, address, listener.getsockname())
            connection.data_ready = True  # it is only handled once it is
            self._connections[client.fileno()] = connection
            self._epoll.register(client.fileno(), _ONCE)
        self._listen(False)  # the rest wait in the socket's queue until one of these is closed

    def _tell_that_none_is_accepted(self, error: OSError) -> None:
        """No descriptor is free, most likely. Once in a while: accepting fails as often as it is tried."""
        if time.monotonic() - self._told < _TELL_AGAIN_SECONDS:
            return
        self._told = time.monotonic()
        log.warning(
            "no further connection can be accepted (%s; %d files may be open): requests wait until others"
            " have been answered. Raise that limit, or lower MODEL_SERVER_MAX_QUEUE.",
            error.strerror,
            resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        )

    def _handle_ready(self, descriptor: int) -> None:
        self._busy.add(descriptor)
        connection = self._connections[descriptor]
        keep: bool | None = False
        try:
            keep = self.handle(connection)
            # What was read ahead causes no event.
            while keep and connection.parser.unreader.buf.getvalue():
                keep = self.handle(connection)
        except BaseException:  # handle() deals with all it knows; a thread must survive the rest
            log.exception("a connection failed")
        if keep is not None:
            self._leave(connection, keep)

    def _leave(self, connection: Any, keep: bool) -> None:
        """A request has been answered. keep: whether another may follow on its connection."""
        descriptor = connection.sock.fileno()
        self._busy.discard(descriptor)
        if keep:
            self._epoll.modify(descriptor, _ONCE)
        else:
            del self._connections[descriptor]  # before its number can be used again
            connection.close(graceful=True)
            if self.alive:
                self._listen(True)

    def handle(self, connection: Any) -> bool | None:
        """Answer the request that has come on a connection; returns whether another may follow there.

        None: whoever goes on with the request leaves the connection.
        """
        if self._hot_path is None:
            return bool(super().handle(connection))
        try:
            arrived = exchange.Arrived(connection)
            if not arrived.data:
                return False
            steps = None
            if arrived.environ is not None:
                steps = self._hot_path.steps(arrived.environ, arrived.body)
            if steps is None:
                connection.parser.unreader.unread(arrived.data)
                return bool(super().handle(connection))
        except OSError as error:
            log.debug("a connection failed: %s", error)
            return False
        except ValueError as error:
            self.handle_error(None, connection.sock, connection.client, error)
            return False
        self._go_on(connection, steps, contextvars.copy_context())
        return None

    def _go_on(self, connection: Any, steps: Steps[Reply], context: contextvars.Context) -> None:
        """Go on with a request until it has to wait, or is answered. context: that of its log lines."""
        keep = False
        try:
            item = context.run(next, steps)
        except StopIteration as end:
            keep = self._send(connection, end.value)
        except BaseException:  # the predictor deals with all it knows; a thread must survive the rest
            log.exception("a request failed")
        else:
            assert self._parking is not None
            self._parking.park(item, partial(self._go_on, connection, steps, context))
            return
        self._leave(connection, keep)

    def _send(self, connection: Any, reply: Reply) -> bool:
        # Not listening, others wait for a connection to be closed.
        last = not (self.alive and self.cfg.keepalive and self._listening)
        try:
            exchange.send(connection.sock, *reply, last=last)
        except OSError as error:
            log.debug("a connection failed: %s", error)
            return False
        except ValueError as error:
            self.handle_error(None, connection.sock, connection.client, error)
            return False
        return not last

    def _finish(self) -> None:
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
