"""Content-Encoding of requests: gzip within limits, a 415 for all else."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.image.test_serve import assert_problem
from tests.support.decoding import saved
from tests.support.server import Server

MB = 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, worker_class: str) -> Iterator[Server]:
    variables: dict[str, Any] = {"MODEL_SERVER_MAX_PAYLOAD_MB": 2, "MODEL_SERVER_WORKER_CLASS": worker_class}
    folder = tmp_path_factory.mktemp("compressed")
    with Server(folder, "describe", MODEL_SERVER_WORKERS=1, **variables) as server:
        yield server


def large(length: int) -> bytes:
    """A JSON object of so many bytes."""
    return b'{"pad": "%s"}' % (b"x" * (length - 11))


@cache
def zeros(length: int) -> bytes:
    """So many zeros, as gzip."""
    return gzip.compress(bytes(length), 1)


def test_a_gzip_body_is_decompressed(server: Server) -> None:
    rows = [[1.5, 2.0]] * 3
    sent: list[tuple[bytes, str]] = [
        (b"1.5,2\n" * 3, "text/csv"),
        (saved(np.array(rows)), "application/x-npy"),
    ]
    for body, kind in sent:
        for compressed in (
            gzip.compress(body),
            gzip.compress(body, 0),
            gzip.compress(body[:9]) + gzip.compress(b"") + gzip.compress(body[9:]),
            gzip.compress(body) + bytes(100),
        ):
            for coding in ("gzip", "GZIP", "x-gzip", "identity, gzip"):
                answer = server.post(compressed, kind, Content_Encoding=coding, Accept="application/json")
                assert answer.json()["rows"] == rows, (kind, coding)
    answer = server.post(gzip.compress(large(2 * MB)), Content_Encoding="gzip")
    assert len(answer.json()["value"]["pad"]) == 2 * MB - 11


def test_no_coding_and_identity_leave_a_body_as_it_is(server: Server) -> None:
    for coding in ("identity", "", ", identity"):
        assert server.post([1], Content_Encoding=coding).json()["value"] == [1]
    assert server.post(b"", Content_Encoding="gzip").status_code == 204


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "aws-chunked", "x" * 3000])
def test_another_coding_is_a_415_that_names_it(server: Server, coding: str) -> None:
    for body in (json.dumps([1]).encode(), large(MB)):
        answer = server.post(body, Content_Encoding=coding)
        assert coding[:100] in str(assert_problem(answer, 415)["detail"])
        assert answer.headers["Accept-Encoding"] == "gzip"
    assert server.post([1]).status_code == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[1]", "incorrect header"),
        (gzip.compress(b"[1]")[:-1], "end is missing"),
        (gzip.compress(b"[1]")[:5], "end is missing"),
        (gzip.compress(b"[1]") + b"more", "incorrect header"),
        (gzip.compress(b"[1]")[:-5] + b"\0\0\0\0\0", "incorrect"),
        (gzip.compress(b""), "nothing in it"),
        (gzip.compress(b"") * 50_000, "members"),
    ],
    ids=range(7),
)
def test_what_is_no_gzip_is_a_400_that_says_so(server: Server, body: bytes, reason: str) -> None:
    detail = str(assert_problem(server.post(body, Content_Encoding="gzip"), 400)["detail"])
    assert "gzip" in detail
    assert reason in detail


def test_a_gzip_body_that_becomes_too_large_is_a_413(server: Server) -> None:
    for body in (gzip.compress(large(2 * MB + 1)), zeros(1000 * MB)):
        answer = server.post(body, Content_Encoding="gzip")
        assert "MODEL_SERVER_MAX_PAYLOAD_MB" in str(assert_problem(answer, 413)["detail"])


def test_a_program_gets_its_request_decompressed_as_well(tmp_path: Path) -> None:
    variables: dict[str, Any] = {"ALGORITHM_COMMAND": '["true"]', "AWS_DEFAULT_REGION": "eu-west-1"}
    with Server(tmp_path, None, RUNNER="algorithm", **variables) as server:
        plain = assert_problem(server.post({"pk": 1}), 400)["detail"]
        compressed = server.post(gzip.compress(b'{"pk": 1}'), Content_Encoding="gzip")
        assert assert_problem(compressed, 400)["detail"] == plain
