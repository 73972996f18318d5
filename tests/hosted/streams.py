#!/usr/bin/env python3
"""Answers in chunks, each when a file of its name is in FOLDER: what the body says is their names, or an end.

`one two end`: two chunks and a neat end. `one break`: hangs up after the first. `one cut`: the same, of an
answer whose length was told. `status 500 text`: an error. When its client goes, it makes a file `gone`.
"""

import os
import pathlib
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER = pathlib.Path(os.environ["FOLDER"])


def wait_for(name, connection):
    while not (FOLDER / name).exists():
        connection.setblocking(False)
        try:
            gone = connection.recv(1) == b""
        except BlockingIOError:
            gone = False
        connection.setblocking(True)
        if gone:
            (FOLDER / "gone").touch()
            return False
        time.sleep(0.01)
    return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        words = self.rfile.read(int(self.headers["Content-Length"])).decode().split()
        if words[0] == "status":
            body = " ".join(words[2:]).encode()
            self.send_response(int(words[1]))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(200)
        self.send_header("Content-Type", self.headers.get("Accept", "text/none"))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "of the model")
        self.send_header("X-Of-Its-Own", "stripped")
        chunked = "cut" not in words
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "1000")))
        self.end_headers()
        for word in words:
            if word in ("break", "cut"):
                self.close_connection = True
                return
            if word == "end":
                self.wfile.write(b"0\r\n\r\n")
                return
            if not wait_for(word, self.connection):
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(word), word.encode()) if chunked else word.encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True


assert sys.argv[1:] == ["serve"], sys.argv
Server(("0.0.0.0", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler).serve_forever()
