#!/usr/bin/env python3
"""Does what the body says: tells its environment, the headers, files or an S3 object, sleeps, fails, dies."""

import json
import os
import pathlib
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = pathlib.Path(os.environ.get("ML_ROOT", "/opt/ml"), "model")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        command, _, rest = body.decode("latin-1").partition(" ")
        if command == "environment":
            self.answer(json.dumps(dict(os.environ)).encode())
        elif command == "headers":
            self.answer(json.dumps(dict(self.headers)).encode())
        elif command == "model":
            files = [path for path in MODEL.rglob("*") if path.is_file()]
            self.answer(json.dumps({str(p.relative_to(MODEL)): p.read_text() for p in files}).encode())
        elif command == "fetch":
            self.answer(json.dumps(fetched(rest)).encode())
        elif command == "who":
            self.answer(str(os.getpid()).encode())
        elif command == "sleep":
            time.sleep(float(rest))
            self.answer(b"slept")
        elif command == "status":
            code, _, text = rest.partition(" ")
            self.answer(text.encode("latin-1"), int(code))
        elif command == "say":
            print(rest, flush=True)
            self.answer(b"said")
        elif command == "hang-up":
            self.close_connection = True
        elif command == "die":
            os._exit(int(rest))
        elif command == "attributes":
            kept = {"X-Amzn-SageMaker-Custom-Attributes": rest, "X-Of-Its-Own": "stripped"}
            self.answer(b"", Content_Type="text/odd", **kept)
        else:
            self.answer(body)


def fetched(url):
    """Status and body of an object in S3, whose URL may leave out where S3 is; 0 where nobody answers."""
    import urllib.error
    import urllib.request  # here: few starts need it

    url = url if "://" in url else os.environ["AWS_ENDPOINT_URL"] + url
    credential = f"{os.environ.get('AWS_ACCESS_KEY_ID')}/20260101/{os.environ['AWS_REGION']}/s3/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=signed), timeout=20) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, repr(error)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


assert sys.argv[1:] == ["serve"], sys.argv
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("listening", flush=True)
Server(("0.0.0.0", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler).serve_forever()
