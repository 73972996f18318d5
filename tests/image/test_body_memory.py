"""What a body may cost in memory: its estimate is held against a budget before it is decoded."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import longshore_runtime
from tests.image.test_serve import assert_problem
from tests.support.gated import Gated, gated
from tests.support.server import SERVE, Server, wait_until

MB = 2**20
PAD = "x" * (700 * 1024)  # estimated at 2.1 MB
EMPTY_LISTS = b"[" + b"[]," * (MB // 3) + b"0]"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, worker_class: str) -> Iterator[Server]:
    variables: dict[str, Any] = {"MODEL_SERVER_MAX_DECODED_MB": 20, "MODEL_SERVER_WORKER_CLASS": worker_class}
    folder = tmp_path_factory.mktemp("small")
    with Server(folder, "describe", MODEL_SERVER_WORKERS=1, **variables) as server:
        yield server


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (EMPTY_LISTS, "application/json"),
        (b"[" + b"{}," * (MB // 3) + b"0]", "application/json"),
        (b"[]\n" * (MB // 3), "application/jsonlines"),
        (b"," * MB + b"\n", "text/csv"),
        (b"ab\n" * (MB // 3), "text/csv"),
        (("[" + "[]," * (MB // 6) + "0]").encode("utf-16"), "application/json; charset=utf-16"),
    ],
    ids=["lists", "objects", "lines", "empty fields", "texts", "utf-16"],
)
def test_a_body_that_takes_too_much_memory_decoded_is_a_413_that_says_what_to_send(
    small: Server, body: bytes, content_type: str
) -> None:
    for sent, headers in ((body, {}), (gzip.compress(body), {"Content_Encoding": "gzip"})):
        refused = small.post(sent, content_type, **headers)
        detail = str(assert_problem(refused, 413)["detail"])
        for what in ("20 MB", "MODEL_SERVER_MAX_DECODED_MB", "Send fewer records"):
            assert what in detail
    assert small.post([1]).status_code == 200


def test_an_honest_body_of_the_same_size_is_served(small: Server) -> None:
    text = ("[[],{},[],{}]" * (MB // 13)).replace('"', "")
    for body, content_type in (
        (b"[" + b"0.123456789012345," * (MB // 18) + b"0]", "application/json"),
        (b'{"text": "%s"}' % text.encode(), "application/json"),  # what is within strings does not count
        (b'{"text": "%s"}' % (b'\\"[]\\\\' * (MB // 6)), "application/json"),
        (b"0.123456789012345,1.5,2\n" * (MB // 24), "text/csv"),
        (b'{"a": 1, "b": "some text", "c": [0.5, 0.25]}\n' * (MB // 46), "application/jsonlines"),
    ):
        assert small.post(body, content_type, Accept="application/json").status_code == 200


def test_bodies_that_take_too_much_memory_together_wait_for_each_other(
    tmp_path: Path, worker_class: str
) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_MAX_DECODED_MB": 3, "MODEL_SERVER_PREDICT_CONCURRENCY": 4}
    with gated(tmp_path, MODEL_SERVER_WORKER_CLASS=worker_class, **variables) as one:
        waiting = [one.stuck("large", pad=PAD), *(large(one, f"large-{n}") for n in range(3))]
        waiting.append(one.stuck("small"))
        assert one.calls() == [["large"], ["small"]]
        one.open()
        assert [request.result().status_code for request in waiting] == [200] * 5
        assert len(one.calls()) == 5


def test_what_waits_for_memory_until_its_deadline_gets_503(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_TIMEOUT=2, MODEL_SERVER_MAX_DECODED_MB=3) as one:
        one.stuck("large", pad=PAD)
        assert "busy for too long" in str(assert_problem(one.post("late", pad=PAD), 503)["detail"])


def large(one: Gated, name: str) -> Any:
    """A large request that waits for memory."""
    future = one.pool.submit(one.post, name, pad=PAD)
    wait_until(lambda: name in one.decoded(), name)
    return future


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (EMPTY_LISTS * 12, "application/json"),
        (b"[" + b"[]," * (14 * MB // 3) + b"0]", "application/json"),
        (b"[" + b"[]," * (40 * MB // 3) + b"0]", "application/json"),
        (b"[]\n" * (30 * MB // 3), "application/jsonlines"),
        (b"ab," * (14 * MB // 3) + b"0\n", "text/csv"),
    ],
    ids=["no JSON", "objects", "the parser's buffer", "lines", "texts"],
)
def test_out_of_memory_while_decoding_is_not_blamed_on_the_caller(
    tmp_path: Path, body: bytes, content_type: str
) -> None:
    limited = ("bash", "-c", f'ulimit -v {700 * 1024}; exec "{SERVE}"')
    variables: dict[str, Any] = {"MODEL_SERVER_MAX_DECODED_MB": 100_000, "MODEL_SERVER_WORKERS": 1}
    with Server(tmp_path, "counts_records", command=limited, **variables) as server:
        answer = server.post(body, content_type)
        if body.startswith(EMPTY_LISTS):
            assert_problem(answer, 400)
        else:
            detail = str(assert_problem(answer, 503)["detail"])
            assert "ran out of memory" in detail
            assert "Send fewer records" in detail
            assert any("out of memory while decoding" in line["message"] for line in server.log())
        assert server.post([1]).status_code == 200


CASES = {
    "lists": ("application/json", EMPTY_LISTS),
    "nested": ("application/json", b"[" + b"[[[[[]]]]]," * (MB // 11) + b"0]"),
    "records": ("application/json", b"[" + b'{"a":1000,"b":"xyz"},' * (MB // 21) + b"0]"),
    "keys": ("application/json", b"{" + b",".join(b'"%d":0' % n for n in range(MB // 11)) + b"}"),
    "strings": ("application/json", b"[" + b'"ab",' * (MB // 5) + b"0]"),
    "wide": ("application/json", b'"' + b"a" * MB + "\N{GRINNING FACE}".encode() + b'"'),
    "long integers": ("application/json", b"[" + b"18446744073709551617," * (MB // 21) + b"0]"),
    "lines": ("application/jsonlines", b'{"a":1000,"b":"xyz"}\n' * (MB // 21)),
    "lists in lines": ("application/jsonlines", b"[]\n" * (MB // 3)),
    "numbers": ("text/csv", b"1.5,2\n" * (MB // 6)),
    "odd numbers": ("text/csv", b"+1\n" * (MB // 3)),
    "odd numbers in a row": ("text/csv", b"+1," * (MB // 3) + b"1\n"),
    "exact integers": ("text/csv", b"9007199254740993\n" * (MB // 17)),
    "empty": ("text/csv", b"," * MB + b"\n"),
    "texts": ("text/csv", b"ab\n" * (MB // 3)),
    "texts in a row": ("text/csv", b"ab," * (MB // 3) + b"a\n"),
    "one text": ("text/csv", b'"' + b"a" * MB + b'"\n'),
    "wide text": ("text/csv", b"a" * MB + "\N{GRINNING FACE}\n".encode()),
}

MEASURED = """
import re, sys
from pathlib import Path
from longshore_runtime.runners.model.decoding import Decoder

def status(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

kind, body = sys.argv[1], Path(sys.argv[2]).read_bytes()
decode = Decoder()
decode(b"1,2\\n3,x\\n" if kind == "text/csv" else b"[1]", kind)
charged = []
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
decoded = decode(body, kind, charged.append)
print(status("VmHWM") - before, *charged)
"""


@pytest.mark.parametrize("name", sorted(CASES))
def test_no_body_takes_more_memory_than_its_estimate(tmp_path: Path, name: str) -> None:
    content_type, body = CASES[name]
    path = tmp_path / "body"
    path.write_bytes(body)
    environment = os.environ | {
        "PYTHONPATH": str(Path(longshore_runtime.__path__[0]).parent),
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_TRIM_THRESHOLD_": "65536",
    }
    command = [sys.executable, "-c", MEASURED, content_type, str(path)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    peak, estimate = map(int, run.stdout.split())
    assert peak < estimate + MB  # what the interpreter does beside
