"""A limit of bodies is only reported if the size alone makes the difference (A12, C3, C1)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from longshore import limits
from longshore.check.body_limit import takes
from longshore.check.large import paddings
from longshore.check.options import Options
from longshore.check.payloads import CSV, JSON, Payload
from longshore.check.rule import Status
from longshore.check.session import Session

_SIZE = 6 * limits.MB


class Answers(BaseHTTPRequestHandler):
    """What it does with a body is its path's first word."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(200)

    def do_POST(self) -> None:
        kind = self.path.split("/")[1]
        length = int(self.headers["Content-Length"])
        if kind == "closes" and length > 3 * limits.MB:
            self.rfile.read(limits.MB)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        status = {
            "accepts": 200,
            "refuses_with_413": 413 if length > 3 * limits.MB else 200,
            "refuses_with_400": 400 if length > 3 * limits.MB else 200,  # as Django does
            "fails": 500 if length > 3 * limits.MB else 200,
            "knows_no_payload": 400,
            "knows_no_blanks": 500 if b" " in body else 200,
            "has_long_fields_refused": 500 if b" " * 60_000 in body else 200,
        }.get(kind, 200)
        if kind == "is_slow" and length > 3 * limits.MB:
            time.sleep(1.5)
        self.answer(status)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("accepts", Status.PASSED),
        ("refuses_with_413", Status.FAILED),
        ("refuses_with_400", Status.FAILED),
        ("closes", Status.FAILED),
        ("fails", Status.FAILED),
        ("knows_no_blanks", Status.NOT_TRIED),
        ("has_long_fields_refused", Status.NOT_TRIED),
        ("is_slow", Status.NOT_TRIED),
    ],
)
def test_only_the_size_is_blamed(kind: str, status: Status, url: str) -> None:
    options = Options(payload=Payload(b"1,2\n3,4\n", CSV, "a test"), patience=1.0)
    with Session(None, f"{url}/{kind}", options) as session:
        outcome = takes(session, _SIZE // limits.MB, "")
    assert outcome.status is status, outcome


def test_without_a_valid_payload_only_a_413_is_blamed(url: str) -> None:
    found = {}
    for kind in ("refuses_with_413", "knows_no_payload"):
        with Session(None, f"{url}/{kind}", Options()) as session:
            found[kind] = takes(session, 6, "").status
    assert found == {"refuses_with_413": Status.FAILED, "knows_no_payload": Status.NOT_TRIED}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"1,2\n3,4\n", CSV),
        (b"a,b\n1,x\n3,y\n", CSV),
        (b"hello,world\n", "text/csv; header=absent"),
        (b'{"instances": [[1, 2]]}', JSON),
        (b'{"a": 1}\n{"a": 2}\n', "application/jsonlines"),
        (b"\x93NUMPY", "application/x-npy"),
        (b"some text", "text/plain"),
    ],
)
def test_a_padded_body_is_never_larger_than_asked_for(body: bytes, kind: str) -> None:
    found = list(paddings(Payload(body, kind, "a test"), _SIZE))
    assert found
    for padding in found:
        small, large = padding.small(), padding.large(_SIZE)
        assert len(small) < 64 * 1024
        assert _SIZE * 0.98 < len(large) <= _SIZE
        if kind == JSON:
            assert json.loads(small) == json.loads(large) == json.loads(body)


def test_padded_csv_has_few_rows_with_the_same_numbers() -> None:
    for padding in list(paddings(Payload(b"1,2\n3,4\n", CSV, "a test"), 25 * limits.MB))[:2]:
        rows = [
            [float(field) for field in line.split(b",")]
            for line in padding.large(25 * limits.MB).splitlines()
        ]
        assert len(rows) <= 400
        assert all(row in ([1, 2], [3, 4]) for row in rows)
