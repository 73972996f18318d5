"""Puts the questions of questions.json to AWS_ENDPOINT_URL, and keeps the answers as its model.

A question: its service, path, body and headers, and an address where that is another one. An answer: a status
and a body; 0 and an error where nobody answers.
"""

import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path


def answer(question):
    address = question.get("address", os.environ["AWS_ENDPOINT_URL"])
    key, region = os.environ.get("AWS_ACCESS_KEY_ID", "none"), os.environ["AWS_REGION"]
    credential = f"{key}/20260101/{region}/{question['service']}/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}
    body = question["body"].encode() if "body" in question else None
    request = urllib.request.Request(
        address + question.get("path", "/"), body, signed | question.get("headers", {})
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, f"{address}: {error!r}"


questions = json.loads(Path(__file__).with_name("questions.json").read_text())
Path("/opt/ml/model", socket.gethostname()).write_text(json.dumps([*map(answer, questions)]))
