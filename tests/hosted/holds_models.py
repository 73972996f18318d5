#!/usr/bin/env python3
"""A multi-model container with room for CAPACITY models (B4).

A model's files say what it does when it is loaded: `waits` has the path of a file that must be there first,
`breaks` fails. An invocation tells what is loaded; its body may be `wait PATH` or `full`. That it waits for
PATH it says by a file PATH.begun.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ML_ROOT = os.environ.get("ML_ROOT", "/opt/ml")
CAPACITY = int(os.environ.get("CAPACITY", "2"))
assert os.environ["SAGEMAKER_MULTI_MODEL"] == "true"
loaded: dict[str, str] = {}  # by name: the text in its file `text`
loads: list[str] = []  # the texts, in the order in which they came
lock = threading.Lock()


def wait_for(path: str) -> None:
    pathlib.Path(f"{path}.begun").touch()
    while not pathlib.Path(path).exists():
        time.sleep(0.01)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(200)

    def do_DELETE(self) -> None:
        with lock:
            known = loaded.pop(self.path.removeprefix("/models/"), None)
        self._answer(404 if known is None else 200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/models":
            self._answer(*self._load(**json.loads(body)))
        else:
            self._answer(*self._invoke(self.path.split("/")[2], body.decode()))

    def _load(self, model_name: str, url: str) -> tuple[int, bytes]:
        folder = pathlib.Path(url.replace("/opt/ml", ML_ROOT, 1))
        assert folder == pathlib.Path(ML_ROOT, "models", model_name, "model")
        files = {path.name: path.read_text() for path in folder.iterdir()}
        with lock:
            loads.append(files.get("text", ""))
        if "waits" in files:
            wait_for(files["waits"])
        if "breaks" in files:
            return 500, b"these weights are broken"
        with lock:
            if model_name in loaded:
                return 409, b""
            if len(loaded) >= CAPACITY:
                print(f"no room for {files.get('text')}", flush=True)
                return 507, b"no room"
            loaded[model_name] = files.get("text", "")
        return 200, b""

    def _invoke(self, name: str, command: str) -> tuple[int, bytes]:
        if command.startswith("wait "):
            wait_for(command.removeprefix("wait "))
        with lock:
            if name not in loaded:
                return 404, b"not loaded"
            if command == "full" and len(loaded) > 1:
                return 507, b"no room"
            told = {
                "text": loaded[name],
                "loaded": sorted(loaded.values()),
                "loads": loads,
                "target": self.headers["X-Amzn-SageMaker-Target-Model"],
                "folders": len(list(pathlib.Path(ML_ROOT, "models").iterdir())),
                "pid": os.getpid(),
            }
        return 200, json.dumps(told).encode()

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # or the first process of a container ignores it
ThreadingHTTPServer(("", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler).serve_forever()
