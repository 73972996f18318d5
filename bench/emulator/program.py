#!/usr/bin/env python3
"""What the emulator runs for the bench: answers a row for each line it is sent, after LINE_US of work a line.

The work is a wait, so that it costs no core that the emulator could use. The body "busy?" is answered with
this program's port, and for how many seconds, of those between the first request and the last answer, it was
answering at least one. The same is said at its end.
"""

import http.server
import json
import os
import signal
import threading
import time

LINE_SECONDS = float(os.environ.get("LINE_US", "0")) / 1e6
PORT = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
lock = threading.Lock()
seen = {"now": 0, "busy": 0.0, "began": 0.0, "first": 0.0, "last": 0.0}


def count(more: int) -> None:
    with lock:
        now = time.monotonic()
        seen["first"] = seen["first"] or now
        if seen["now"] == 0:
            seen["began"] = now
        seen["now"] += more
        if seen["now"] == 0:
            seen["busy"] += now - seen["began"]
            seen["last"] = now


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.answer(b"", 200 if self.path == "/ping" else 404)

    def do_POST(self) -> None:
        left, lines = int(self.headers["Content-Length"]), 0
        head = b""
        while left:
            block = self.rfile.read(min(left, 1 << 18))
            head = head or block[:5]
            lines += block.count(b"\n")
            left -= len(block)
        if head == b"busy?":
            told = {"busy": seen["busy"], "of": seen["last"] - seen["first"], "port": PORT}
            return self.answer(json.dumps(told).encode())
        count(1)
        time.sleep(lines * LINE_SECONDS)
        count(-1)
        return self.answer(b"1\n" * max(lines, 1))

    def answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def end(*_: object) -> None:
    print("busy", seen["busy"], seen["last"] - seen["first"], flush=True)
    os._exit(0)


signal.signal(signal.SIGTERM, end)
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
