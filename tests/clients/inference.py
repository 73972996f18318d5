#!/usr/bin/env python3
"""A model server for code/inference.py in the model: model_fn, input_fn, predict_fn, output_fn."""

import importlib
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "/opt/ml/model"
sys.path.insert(0, f"{MODEL}/code")
inference = importlib.import_module("inference")
model = inference.model_fn(MODEL)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        given = inference.input_fn(body, self.headers["Content-Type"])
        answer = inference.output_fn(inference.predict_fn(given, model), self.headers["Accept"])
        self._answer(answer if isinstance(answer, bytes) else answer.encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler).serve_forever()
