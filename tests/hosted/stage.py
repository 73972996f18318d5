#!/usr/bin/env python3
"""A stage of a pipeline: adds itself to the way of what it gets, or does what that says about this stage."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = os.environ["STAGE"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wanted = request.get("do", {}).get(NAME)
        if wanted == "fail":
            self._answer(418, f"{NAME} does not like it".encode())
            return
        if wanted == "die":
            os._exit(3)
        request["way"].append(
            {
                "stage": NAME,
                "pid": os.getpid(),
                "type": self.headers["Content-Type"],
                "attributes": self.headers["X-Amzn-SageMaker-Custom-Attributes"],
                "model": self.headers["X-Amzn-SageMaker-Target-Model"],
                "host": [os.environ.get("HOSTNAME"), socket.gethostname()],
                "port": os.environ["SAGEMAKER_BIND_TO_PORT"],
                "safe": os.environ["SAGEMAKER_SAFE_PORT_RANGE"],
            }
        )
        self._answer(200, json.dumps(request).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"application/{NAME}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


print(f"{NAME} listens", flush=True)
if os.environ.get("NEVER"):
    sys.exit(4)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # or the first process of a container ignores it
ThreadingHTTPServer(("", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
