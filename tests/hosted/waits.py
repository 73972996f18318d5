#!/usr/bin/env python3
"""Answers `done NAME` to a body of `NAME`, once a file NAME is in FOLDER; starts are in `began` there.

Or does at once what the body says: `status 422 text`, `headers`, `chunked`. Of a large one it tells the size.
"""

import json
import os
import pathlib
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER = pathlib.Path(os.environ["FOLDER"])
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, content_type="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        if length > 1000000:
            while length:
                length -= len(self.rfile.read(min(length, 1 << 20)))
            self.answer(self.headers["Content-Length"].encode())
            return
        command, *rest = self.rfile.read(length).decode().split()
        if command == "status":
            self.answer(" ".join(rest[1:]).encode(), int(rest[0]), "text/of-the-model")
        elif command == "headers":
            self.answer(json.dumps(dict(self.headers)).encode(), content_type="application/json")
        elif command == "chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"1\r\na\r\n0\r\n\r\n")
        else:
            with LOCK, (FOLDER / "began").open("a") as file:
                file.write(f"{command} {os.getpid()}\n")
            while not (FOLDER / command).exists():
                time.sleep(0.01)
            self.answer(b"done " + command.encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True


assert sys.argv[1:] == ["serve"], sys.argv
Server(("0.0.0.0", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler).serve_forever()
