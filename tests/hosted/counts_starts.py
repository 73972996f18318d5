#!/usr/bin/env python3
"""Answers with its process number, once the file that the body names is there; at once to an empty body.

That it waits for PATH it says by a file PATH.begun.
"""

from __future__ import annotations

import os
import pathlib
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        path = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if path:
            pathlib.Path(f"{path}.begun").touch()
        while path and not pathlib.Path(path).exists():
            time.sleep(0.01)
        self._answer(str(os.getpid()).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


started = pathlib.Path(os.environ["STARTS"])  # a folder: each start leaves a file in it
(started / str(os.getpid())).touch()
if (started / "no-more").exists():
    sys.exit("no more of these")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # or the first process of a container ignores it
ThreadingHTTPServer(("", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
