#!/usr/bin/env python3
"""A small container without a fault: its model is a weight, its prediction the sum of each row times that.

The other files here are this one with one fault each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ML = Path(os.environ.get("ML_ROOT", "/opt/ml"))
_QUIET = "200 /ping"


class Refused(Exception):
    """The caller's mistake: a status and what to send instead."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Container:
    """What the faulty ones change."""

    max_body = 1 << 30
    handler = server_class = None

    def __init__(self):
        self.stopping = False
        self.under_way = 0
        self.counting = threading.Lock()

    def load(self):
        self.weight = json.loads((ML / "model" / "model.json").read_bytes())["weight"]

    def could_not_load(self, error):
        print(f"the model cannot be loaded: {error!r}", file=sys.stderr, flush=True)
        return 3

    def ping(self):
        return (503, b"stopping") if self.stopping else (200, b"")

    def decode(self, body, content_type):
        """The rows, and whether they came as JSON."""
        kind = content_type.partition(";")[0].strip().lower()
        try:
            if kind == "text/csv":
                lines = body.decode().splitlines()
                return [[float(cell) for cell in line.split(",")] for line in lines], False
            if kind == "application/json":
                rows = json.loads(body)["instances"]
                return [[float(cell) for cell in row] for row in rows], True
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
            raise Refused(400, f"Send rows of numbers: {type(error).__name__}.") from None
        raise Refused(415, "Send text/csv or application/json.")

    def predict(self, rows):
        if len({len(row) for row in rows}) != 1:
            raise Refused(400, "Send rows, and all of the same length.")
        return [sum(row) * self.weight for row in rows]

    def invocations(self, body, headers):
        """Status, content type, answer."""
        rows, is_json = self.decode(body, headers.get("Content-Type", ""))
        accept = headers.get("Accept", "*/*")
        if not any(known in accept for known in ("*/*", "text/csv", "application/json")):
            raise Refused(406, "There are text/csv and application/json.")
        results = self.predict(rows)
        if is_json:
            return 200, "application/json", json.dumps(results).encode()
        return 200, "text/csv", "".join(f"{result}\n" for result in results).encode()

    def refusal(self, status, text):
        """Content type and body of an error."""
        return "text/plain", text.encode()

    def parameters(self):
        value = {"MaxConcurrentTransforms": 4, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
        return 200, "application/json", json.dumps(value).encode()

    def metrics(self):
        text = '# TYPE requests counter\nrequests{path="/invocations"} 1\n'
        return 200, "text/plain; version=0.0.4", text.encode()

    def route(self, method, path, headers, body):
        if path == "/ping" and method in ("GET", "POST"):
            status, answer = self.ping()
            return status, "text/plain", answer
        if method == "POST" and path == "/invocations":
            if self.stopping_refuses():
                raise Refused(503, "The server is stopping.")
            return self.invocations(body, headers)
        if method == "GET" and path == "/execution-parameters":
            return self.parameters()
        if method == "GET" and path == "/metrics":
            return self.metrics()
        raise Refused(405 if path == "/invocations" else 404, "POST to /invocations.")

    def stopping_refuses(self):
        return self.stopping and not threading.current_thread().begun_before_stop

    def log(self, text):
        if not text.startswith(_QUIET):
            print(text, flush=True)

    def on_sigterm(self):
        """In the main thread. Finish what is under way; the exit code."""
        self.stopping = True
        until = time.monotonic() + 25
        while self.under_way and time.monotonic() < until:
            time.sleep(0.005)
        return 0

    def serve(self):
        try:
            self.load()
        except Exception as error:  # noqa: BLE001  # whatever it is
            return self.could_not_load(error)
        where = os.environ.get("LISTEN", "127.0.0.1"), int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
        self.server = (self.server_class or Server)(where, self.handler or Handler)
        self.server.container = self
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        signal.sigwait({signal.SIGTERM})
        return self.on_sigterm()

    # -- training --

    def config(self, name):
        return json.loads((ML / "input" / "config" / f"{name}.json").read_text(encoding="utf-8"))

    def train(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            self.fit()
        except Exception as error:  # noqa: BLE001  # whatever it is
            self.failed(error)
            return 1
        return 0

    def failed(self, error):
        print(f"failed: {error}", file=sys.stderr, flush=True)
        (ML / "output" / "failure").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")

    def fit(self):
        hyperparameters = self.config("hyperparameters")
        resources = self.config("resourceconfig")
        if resources["current_host"] not in resources["hosts"]:
            raise ValueError("current_host is none of hosts")
        for name in self.config("inputdataconfig") or ["training"]:
            rows = (ML / "input" / "data" / name / "rows.csv").read_text().splitlines()
        weight = float(hyperparameters.get("weight", "1")) * len(rows)
        self.save({"weight": weight})

    def save(self, model):
        (ML / "model" / "model.json").write_text(json.dumps(model))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        """A client that has gone."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    begun = 0

    def parse_request(self):
        # Before 100 Continue says that it has begun.
        threading.current_thread().begun_before_stop = not self.server.container.stopping
        self.count(1)
        return super().parse_request()

    def handle_one_request(self):
        try:
            super().handle_one_request()
        finally:
            self.count(-self.begun)

    def count(self, more):
        self.begun += more
        with self.server.container.counting:
            self.server.container.under_way += more

    def handle_request(self):
        self.answer_one(self.server.container)

    do_GET = do_POST = do_PUT = do_DELETE = handle_request

    def answer_one(self, container):
        try:
            body = self.body(container)
            status, kind, answer = container.route(self.command, self.path, self.headers, body)
        except Refused as refused:
            status = refused.status
            kind, answer = container.refusal(status, str(refused))
        container.log(f"{status} {self.path}")
        self.send_answer(status, kind, answer)

    def send_answer(self, status, kind, answer):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def body(self, container):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self.chunks()
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            self.close_connection = True
            raise Refused(400, "Content-Length is no number.") from None
        if length > container.max_body:
            self.close_connection = True
            raise Refused(413, f"Send at most {container.max_body} bytes.")
        return self.rfile.read(length)

    def chunks(self):
        found = []
        while True:
            try:
                size = int(self.rfile.readline(), 16)
            except ValueError:
                self.close_connection = True
                raise Refused(400, "A chunk's size is no number.") from None
            found.append(self.rfile.read(size))
            self.rfile.readline()
            if size == 0:
                return b"".join(found)

    def log_message(self, *_):
        """The container logs."""


def main(container):
    """Serve or train, as the argument says."""
    what = sys.argv[1] if len(sys.argv) > 1 else "serve"
    code = {"serve": container.serve, "train": container.train}[what]()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main(Container())
