"""gunicorn's gevent worker, with the model in one greenlet, and for models that start processes.

The main greenlet imports and loads the user's code. With one call of the model at a time (the default) it
also makes all calls, so that what code sets in its thread or its context holds. gunicorn's own loop, which
only looks whether to stop, runs in another greenlet.
"""

from __future__ import annotations

import contextvars
import os
import signal
from typing import TYPE_CHECKING, Any

import gevent  # type: ignore[import-untyped]
import gevent.socket  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from gunicorn.workers import ggevent

from longshore_runtime import logs
from longshore_runtime.serving import child_processes, greenlet_processes

if TYPE_CHECKING:
    from longshore_runtime.runners.model.queue import ModelQueue

log = logs.get("worker")

_STOPPED_SECONDS = 1.0  # for the main greenlet to end, when everything has its answer


class _MainGreenlet:
    """Leads the queue (queue.py), in the greenlet that makes this object."""

    def __init__(self, queue: ModelQueue) -> None:
        self._queue = queue
        self._me = gevent.getcurrent()
        self._called = Event()
        self._context = contextvars.copy_context()  # what load() has set
        queue.lead_by(self)

    def is_me(self) -> bool:
        return gevent.getcurrent() is self._me

    def call(self) -> None:
        self._called.set()

    def lead(self) -> None:
        """Wait to be called, and make the calls of the model until none waits."""
        self._called.wait()
        self._called.clear()
        while self._queue.called or self._queue.starts_in() is not None:
            self._context.copy().run(self._queue.lead)
            self._queue.handed_back()
            gevent.sleep(0)  # the others read and answer

    def recover(self) -> None:
        """Go on after an exception from outside of the model."""
        self._queue.recover()


class GreenletWorker(ggevent.GeventWorker):  # type: ignore[misc]  # gunicorn is published without types
    """Serves as gunicorn's does."""

    def patch(self) -> None:
        super().patch()
        greenlet_processes.let_others_run()
        self._clients: set[Any] = set()

    def run(self) -> None:
        """Serve until told to stop. Then end what is in flight, `graceful_timeout` seconds at most."""
        from longshore_runtime.serving import flask_app  # loaded by now, and only in a worker

        self._context = contextvars.copy_context()  # what load() has set
        hot_path = flask_app.hot_path(self.wsgi)
        queue = hot_path.queue if hot_path else None
        if queue is None or queue.at_once > 1:
            super().run()
            return
        main = _MainGreenlet(queue)
        signal.set_wakeup_fd(self.PIPE[1], warn_on_full_buffer=False)  # load() may have set it
        gevent.spawn(self._see_signals)
        serving = gevent.spawn(super().run)
        serving.link(lambda _: self._end(main))
        while not serving.ready():
            try:
                main.lead()
            except BaseException:  # of a signal's handler that the model has set, which comes late
                log.exception("the main greenlet was interrupted")
                main.recover()
        serving.get()

    def _see_signals(self) -> None:
        """Stop on SIGTERM also where the model has a handler of its own for that."""
        while True:
            gevent.socket.wait_read(self.PIPE[0])
            if signal.SIGTERM in os.read(self.PIPE[0], 4096):
                self.alive = False

    def _end(self, main: _MainGreenlet) -> None:
        main.call()
        # If the main greenlet is still in a call whose client has gone.
        gevent.spawn_later(_STOPPED_SECONDS, os._exit, 0)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Answer the requests on a connection. Called by gunicorn in a greenlet of its own."""
        self._clients.add(client)
        try:
            self._context.copy().run(super().handle, listener, client, addr)
        finally:
            self._clients.discard(client)

    def handle_quit(self, sig: int, frame: object) -> None:
        """Only note it, once the worker serves: gunicorn's exception may come in the middle of a call."""
        if not self.booted:
            super().handle_quit(sig, frame)
        self.cfg.set("graceful_timeout", 0)
        self.alive = False

    def handle_abort(self, sig: int, frame: object) -> None:
        """End at once: the stacks are in the log, and an exception could be caught by the model's code."""
        if not self.booted:
            super().handle_abort(sig, frame)
        os._exit(1)

    def leave_to_parent(self) -> None:
        """Let go of what is the worker's alone, in a child process that the user's code has forked."""
        greenlet_processes.leave_greenlets()
        for client in self._clients:
            child_processes.close(client)
