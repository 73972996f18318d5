"""What a gthread worker does beside its requests, in a thread of its own.

It tells gunicorn that this process lives, sees the signals that stop it, whatever the main thread is at, and
takes the turn to read (turns.py) from a thread that stays with one request for long.
"""

from __future__ import annotations

import os
import selectors
import signal
import threading
import time
from typing import Any

from gunicorn.workers import gthread

from longshore_runtime import logs
from longshore_runtime.serving.turns import turns

log = logs.get("worker")

_LOOK_AGAIN_SECONDS = 0.05
_WATCH_SECONDS = 0.02
_IDLE_SECONDS = 1.0
_STOPPED_SECONDS = 1.0  # for the main thread to end, when everything has its answer


class Housekeeping(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn is published without types
    """For ThreadWorker (threads.py), which has the connections; _busy: those that are being answered."""

    _connections: dict[int, Any]
    _busy: set[int]
    _stops_at_once = False
    # How many events the threads have begun in their turns, and whether the turn's thread is at one now.
    _events = 0
    _at_one = False
    _watched = True  # whether this looks at them often; otherwise it wants to be woken

    def keep_house(self) -> None:
        """Start the thread. To be called in the main thread, which is to return once _stopped is set."""
        self._stopped, self._main_ended = threading.Event(), threading.Event()
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        # How a signal is seen while the main thread is in a long call. Again, because load() may have set it.
        self.poller.register(self.PIPE[0], selectors.EVENT_READ, self._see_signals)
        signal.set_wakeup_fd(self.PIPE[1], warn_on_full_buffer=False)
        threading.Thread(target=self._keep_house, name="housekeeping", daemon=True).start()

    def _begin_event(self) -> None:
        """Have the housekeeping see to it that others are read, should this take long."""
        self._events += 1
        self._at_one = True
        if not self._watched:
            self._watched = True
            self.method_queue.defer(lambda: None)

    def _keep_house(self) -> None:
        """In a thread of its own: serve until told to stop, then end what is in flight."""
        try:
            self._look_after_threads()
            self._finish()
        except BaseException:
            log.exception("the housekeeping failed: this worker ends")
        self._stopped.set()
        turns.call()
        if not self._main_ended.wait(_STOPPED_SECONDS):
            os._exit(0)  # the main thread is still in a call whose client has gone

    def _see_signals(self, pipe: int) -> None:
        for number in os.read(pipe, 4096):
            if number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
                self._stop(at_once=number != signal.SIGTERM)
            elif number == signal.SIGWINCH:
                self.handle_winch(number, None)

    def _stop(self, at_once: bool) -> None:
        self._stops_at_once = self._stops_at_once or at_once
        self.alive = False
        self.method_queue.defer(lambda: None)

    def handle_exit(self, sig: int, frame: object) -> None:
        """Only note it: what gunicorn's own does may be seen in the middle of a call of the model."""
        self._stop(at_once=False)

    def handle_quit(self, sig: int, frame: object) -> None:
        """As handle_exit, once the worker serves."""
        if not self.booted:
            super().handle_quit(sig, frame)
        self._stop(at_once=True)

    def handle_abort(self, sig: int, frame: object) -> None:
        """End at once: the stacks are in the log, and an exception could be caught by the model's code."""
        if not self.booted:
            super().handle_abort(sig, frame)
        os._exit(1)

    def _look_after_threads(self) -> None:
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

    def _finish(self) -> None:
        self._listen(False)
        for listener in self.sockets:
            listener.close()
        begun = time.monotonic()
        while (
            not self._stops_at_once
            and self._connections
            and time.monotonic() - begun < self.cfg.graceful_timeout
        ):
            # A request may be on its way on a connection still idle: it is answered, and told to close.
            lingering = time.monotonic() - begun < gthread.STOP_KEEPALIVE_LINGER
            if not (self._busy or lingering):
                break
            self.notify()
            time.sleep(_LOOK_AGAIN_SECONDS)
