"""gunicorn's gevent worker, for models that start processes of their own."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.workers import ggevent

from longshore_runtime.serving import greenlet_processes


class GreenletWorker(ggevent.GeventWorker):  # type: ignore[misc]  # gunicorn is published without types
    """Serves as gunicorn's does."""

    def patch(self) -> None:
        super().patch()
        greenlet_processes.let_others_run()
        self._clients: set[Any] = set()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Answer the requests on a connection. Called by gunicorn in a greenlet of its own."""
        self._clients.add(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._clients.discard(client)

    def leave_to_parent(self) -> None:
        """Let go of what is the worker's alone, in a child process that the user's code has forked."""
        greenlet_processes.leave_greenlets()
        for client in self._clients:
            plain = client._sock  # gevent's own close() would touch the event loop
            if plain.fileno() >= 0:
                os.close(plain.detach())
