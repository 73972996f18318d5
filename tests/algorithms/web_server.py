"""What the programs for invoke mode have in common. The port is their first argument."""

from __future__ import annotations

import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer


def serve(health: Callable[[], int], invoke: Callable[[], int]) -> None:
    """Serve, one request at a time; each function returns the status of an answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(health() if self.path == "/health" else 404)

        def do_POST(self) -> None:
            self._answer(invoke() if self.path == "/invoke" else 404)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"some body")

        def log_message(self, *_: object) -> None:
            pass

    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
