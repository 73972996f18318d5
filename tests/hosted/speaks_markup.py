#!/usr/bin/env python3
"""Serves, and writes lines that a page must not take for markup. Answers what its request asks for."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, HTTPServer

LINES = (
    "<img src=x onerror=\"document.title='broken into'\">",
    "<script>document.title = 'broken into'</script>",
    "\x1b[31mred\x1b[0m &amp; a lot",
)
ANSWERS = {
    b"markup": (200, "text/html", b"<b onclick='x'>bold</b>"),
    b"binary": (200, "application/x-npy", b"\x93NUMPY\x00\x01"),
    b"error": (400, "text/plain", b"There is no such thing."),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(200, "text/plain", b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(f"asked for {body!r} of {self.headers['Content-Type']}", flush=True)
        self._answer(*ANSWERS.get(body, (200, "text/plain", body)))

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


print(*LINES, sep="\n", flush=True)
HTTPServer(("", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler).serve_forever()
