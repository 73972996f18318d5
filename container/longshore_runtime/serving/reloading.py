"""A new model without a lost request: one gunicorn serves, a second loads, and then the first one leaves.

    load     SIGHUP: a second gunicorn starts, in a folder of its own. Where it cannot load, it is ended, and
             the first one goes on
    switch   when all its workers are ready, the link by which nginx finds the sockets is turned to them
    leave    the first one's workers close each connection with their next answer, and nginx closes those it
             does not use. When none is left, nothing can come any more, and gunicorn is stopped

nginx is not reloaded for this: it would close its clients' kept connections, and a request that is just being
sent on one would be lost.

A SIGHUP while a second gunicorn loads ends that one and starts another: the model has changed again. While
the first one leaves, SIGHUPs wait, and become one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from longshore_runtime import logs
from longshore_runtime.errors import StartError
from longshore_runtime.serving.children import Children
from longshore_runtime.serving.generation import Generation

log = logs.get("serve")

_STOP_SECONDS = 5.0  # for gunicorn to end when nothing is in flight
_CONNECTED = ("02", "03")  # waiting to be accepted, or accepted: states in /proc/net/unix
_UNIX_SOCKETS = Path("/proc/net/unix")


class Generations:
    """The gunicorns of one run. serving: where nginx's connections go.

    make: a new generation, of this number, started. leave_seconds: how long the longest request may take.
    """

    def __init__(self, make: Callable[[int], Generation], children: Children, leave_seconds: float) -> None:
        self._make = make
        self._children = children
        self._leave_seconds = leave_seconds
        self._loading: Generation | None = None
        self._leaving: Generation | None = None
        self._asked = False
        self._number = 1
        self.serving = make(1)
        self.serving.serve()

    @property
    def all(self) -> list[Generation]:
        return [g for g in (self._leaving, self.serving, self._loading) if g is not None]

    @property
    def busy(self) -> bool:
        """Whether step() has to be called again soon, even if nothing happens."""
        return self._leaving is not None or self._asked

    def reload(self) -> None:
        """Load anew, as soon as that can be."""
        self._asked = True

    def step(self) -> None:
        """Go on with the reload, as far as it can go now."""
        if self._loading is not None:
            failure = self._loading.failure(self._children)
            if failure is not None:
                log.error(
                    "the reload failed; the model loaded before goes on serving. %s", failure[1].strip()
                )
                self.abandon()
            elif self._loading.ready:
                self._switch(self._loading)
        if self._leaving is not None:
            self._let_go(self._leaving)
        if self._asked and self._leaving is None and self.serving.ever_complete:
            self._asked = False
            self.abandon()
            self._number += 1
            log.info("SIGHUP: loading the model anew")
            try:
                self._loading = self._make(self._number)
            except (StartError, OSError) as error:  # no process can be started, or the disk is full
                log.error("the reload failed; the model loaded before goes on serving. %s", error)

    def abandon(self) -> None:
        """End the gunicorn that loads, where one does."""
        if self._loading is not None:
            self._remove(self._loading)
            self._loading = None

    def _switch(self, new: Generation) -> None:
        new.serve()
        self._leaving, self.serving, self._loading = self.serving, new, None
        self._told: set[int] = set()
        self._leave_by = time.monotonic() + self._leave_seconds
        self._end_by: float | None = None
        log.info("reloaded: requests go to the model loaded anew")

    def _let_go(self, old: Generation) -> None:
        for pid in old.health.ready - self._told:
            self._told.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGWINCH)  # see workers.py
        now = time.monotonic()
        if not self._children.runs(old.name):
            self._remove(old)
            self._leaving = None
            log.info("the model loaded before has left")
        elif self._end_by is None and (now > self._leave_by or not _connected(old.folder)):
            self._children.signal(old.name, signal.SIGTERM)
            self._end_by = now + _STOP_SECONDS
        elif self._end_by is not None and now > self._end_by:
            self._children.kill(old.name)

    def _remove(self, generation: Generation) -> None:
        self._children.kill(generation.name)
        self._children.forget(generation.name)
        generation.remove()


def _connected(folder: Path) -> bool:
    """Whether anything is connected to a socket in this folder."""
    for line in _UNIX_SOCKETS.read_text().splitlines():
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[5] in _CONNECTED and fields[7].startswith(f"{folder}/"):
            return True
    return False
