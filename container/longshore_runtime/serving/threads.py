"""gunicorn's threaded worker, with threads that fetch their requests themselves (and answer by exchange.py).

The main thread is where the user's code is imported and loaded. With one call of the model at a time (the
default) it also makes all calls, so that what code sets in its thread holds: it waits to be called, and as
long as calls and conversions are short it has the turn itself, and does everything. It never waits for
anything that another thread might need it for: what gunicorn's parser has to read is another's.

gunicorn's own has one thread wait for all connections and hand each request to a pool, which hands the
connection back: two changes of thread a request, each of which waits for the interpreter. Here the thread
that has the turn (turns.py) waits on one epoll for all connections, answers the one that is ready next,
and waits again. Ready connections are taken in the order in which they became ready, so none starves.
It accepts new ones as well: another thread would wait for the interpreter before each. What that saves
stands in bench/results.md. A request that has to wait for the model is parked (parking.py), its connection
neither read nor watched until it has its answer.

A thread is started when the turn is handed over and none waits for it: as many as ever work at a time.

A thread of its own (housekeeping) tells gunicorn that this process lives, sees the signals that stop it,
whatever the main thread is at, and takes the turn from a thread
that stays with one request for long and had no reason to expect that, so that the others are read, and
refused where need be. Nobody closes idle connections: nginx, the only client, does that.
"""

from __future__ import annotations

import contextvars
import resource
import select
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.workers import gthread

from longshore_runtime import descriptors, logs
from longshore_runtime.runners.model.item import Steps
from longshore_runtime.runners.model.queue import ModelQueue
from longshore_runtime.serving import child_processes, exchange, parking
from longshore_runtime.serving.housekeeping import Housekeeping
from longshore_runtime.serving.predictor import Reply
from longshore_runtime.serving.turns import turns

log = logs.get("worker")

# One event, then silence until armed again: no two threads get the same connection.
_ONCE = select.EPOLLIN | select.EPOLLONESHOT
_TELL_AGAIN_SECONDS = 60.0
_EPOLL_SECONDS = 0.001  # what it takes times in


class ThreadWorker(Housekeeping):
    """Reads, answers and closes as gunicorn's does, but for what exchange.py takes."""

    def run(self) -> None:
        """Serve until told to stop. Then end what is in flight, `graceful_timeout` seconds at most."""
        from longshore_runtime.serving import flask_app  # loaded by now, and only in a worker

        self._hot_path = flask_app.hot_path(self.wsgi)
        queue = self._hot_path.queue if self._hot_path else None
        self._queue = queue if queue is not None and queue.at_once == 1 else None  # if the main thread leads
        self._parking = None if queue is None else parking.Parking(queue, self._answers_itself)
        self._context = contextvars.copy_context()  # what load() has set
        self._is_plain = True  # whether the last request needed no parser of gunicorn's
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
        turns.start_another = self._start_thread
        if self._queue is not None and self._parking is not None:
            turns.enter_main()
            turns.wake_reader = self._parking.ring
            self._queue.lead_by(turns)
        turns.take_away()  # for a first thread, or the main one if none can be started
        self.keep_house()
        while not self._stopped.is_set():
            try:
                if self._queue is None:
                    self._stopped.wait()
                else:
                    self._lead(self._queue)
            except BaseException:  # of a signal's handler that the model has set, which comes late
                log.exception("the main thread was interrupted")
                if self._queue is not None:
                    self._queue.recover()
        self._main_ended.set()

    def _lead(self, queue: ModelQueue) -> None:
        """In the main thread: make the calls of the model, and read what comes where both are quick."""
        assert self._parking is not None
        while not self._stopped.is_set():
            if queue.called:
                self._parking.lead()
            elif not turns.has():
                turns.wait_in_main()
            elif self._main_reads() or not turns.others_come():
                self._read()
            else:
                turns.hand_over()

    def _main_reads(self) -> bool:
        """Whether requests are so quick that the main thread does all of them itself."""
        return self._is_plain and self._queue is not None and self._queue.is_quick()

    def _answers_itself(self) -> bool:
        return self._queue is None or self._queue.is_quick_to_answer()

    def leave_to_parent(self) -> None:
        """Let go of the connections, in a child process that the user's code has forked."""
        for connection in list(getattr(self, "_connections", {}).values()):
            child_processes.close(connection.sock)

    def _start_thread(self) -> bool:
        if self._threads >= self.cfg.threads:
            return False  # one of them will come back
        self._threads += 1
        # Daemons: a call that never returns must not keep the process from ending.
        thread = threading.Thread(target=self._answer, name=f"http-{self._threads}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # this user may have no more
            log.exception("a thread could not be started")
            self._threads -= 1
            return False
        return True

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
            try:
                connection = turns.take()
                if connection is not None:
                    self._answer_on(connection, self._by_gunicorn)
                while turns.has():
                    self._read()
                    if self._main_reads():
                        turns.offer_to_main()
            except BaseException:  # a thread must survive whatever a model raises
                log.exception("a thread failed")

    def _read(self) -> None:
        """With the turn: wait for an event, and handle it."""
        self._at_one = False
        descriptor = self._next_ready()
        self._begin_event()
        if descriptor is not None:
            self._handle_event(descriptor)
        elif self._parking is not None:
            self._parking.act()

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
            if client.fileno() <= 2:  # the model's code has closed that, and log lines would go to the client
                client = socket.socket(fileno=descriptors.above_standard(client.detach()))
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
        self._answer_on(self._connections[descriptor], self.handle)

    def _answer_on(self, connection: Any, handle: Callable[[Any], bool | None]) -> None:
        keep: bool | None = False
        try:
            keep = handle(connection)
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
            return self._by_gunicorn(connection)
        try:
            arrived = exchange.Arrived(connection)
            if not arrived.data:
                return False
            steps = None
            if arrived.environ is not None:
                steps = self._hot_path.steps(arrived.environ, arrived.body)
            self._is_plain = steps is not None
            if steps is None:
                connection.parser.unreader.unread(arrived.data)
                if self._queue is None or not turns.is_me():
                    return self._by_gunicorn(connection)
                turns.send(connection)
                return None
        except OSError as error:
            log.debug("a connection failed: %s", error)
            return False
        except ValueError as error:
            self.handle_error(None, connection.sock, connection.client, error)
            return False
        self._go_on(connection, steps, self._context.copy())
        return None

    def _by_gunicorn(self, connection: Any) -> bool:
        return bool(self._context.copy().run(super().handle, connection))

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
