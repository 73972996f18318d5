#!/usr/bin/env python3
"""Doubles numbers: of each line of CSV the last column, of each line of JSON "x" or the number itself.

Other bodies come back as they went, with their headers before them. What it is told in the environment it
does: FAIL_ON: a body with this text gets a 400; DIE_ON: one with this text ends the server; BUSY: that many
requests at first get a 503; PARAMETERS: what /execution-parameters answers; HANGS: invocations are never
answered.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock = threading.Lock()
counts = {"busy": int(os.environ.get("BUSY", "0")), "now": 0, "most": 0}


def double(line):
    if line.startswith("{"):
        return json.dumps({"y": 2 * json.loads(line)["x"]})
    return str(2 * int(line.rpartition(",")[2]))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two of them cost 40 ms

    def do_GET(self):
        if self.path == "/execution-parameters" and "PARAMETERS" in os.environ:
            self.answer(200, os.environ["PARAMETERS"].encode())
        else:
            self.answer(200 if self.path == "/ping" else 404, b"")

    def do_POST(self):
        body = self.body()
        if os.environ.get("DIE_ON", "no such text").encode() in body:
            os._exit(7)
        with lock:
            refused = counts["busy"] > 0
            counts["busy"] -= 1
            counts["now"] += 1
            counts["most"] = max(counts["most"], counts["now"])
        time.sleep(float(os.environ.get("SECONDS", "0")))
        with lock:
            counts["now"] -= 1
        while "HANGS" in os.environ:
            time.sleep(1)
        if refused:
            return self.answer(503, b"busy")
        if os.environ.get("FAIL_ON", "no such text").encode() in body:
            return self.answer(400, b"This cannot be doubled.")
        if self.headers.get("Content-Type", "").startswith(("text/csv", "application/json")):
            return self.answer(
                200, "".join(double(line) + "\n" for line in body.decode().splitlines()).encode()
            )
        told = {"headers": dict(self.headers), "environment": dict(os.environ), "most": counts["most"]}
        return self.answer(200, json.dumps(told).encode() + b"\n" + body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        out = b""
        while size := int(self.rfile.readline(), 16):
            out += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return out

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if sys.argv[1:] == ["serve"]:
    print("serving", flush=True)
    Server(("", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler).serve_forever()
