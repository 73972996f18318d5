"""Large bodies: they wait in nginx's files until a worker has the memory for them."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.image.test_one_copy import memory
from tests.image.test_serve import assert_problem
from tests.support.decoding import saved
from tests.support.gated import Gated, gated
from tests.support.metrics import samples
from tests.support.server import Server, wait_until

MB = 2**20
PAD = "x" * (700 * 1024)  # two of these are more than a MB


@pytest.fixture
def one(tmp_path: Path, worker_class: str) -> Iterator[Gated]:
    variables: dict[str, Any] = {"MODEL_SERVER_MAX_BODIES_MB": 1, "MODEL_SERVER_MAX_QUEUE": 3}
    with gated(tmp_path, MODEL_SERVER_WORKER_CLASS=worker_class, **variables) as server:
        yield server


def in_flight(one: Gated) -> float:
    """How many requests the worker has, read or not."""
    return samples(one.server)["longshore_requests_in_flight"]


def send_unread(one: Gated, name: str) -> Any:
    """A large request that has come to the worker."""
    before = in_flight(one)
    future = one.pool.submit(one.post, name, pad=PAD)
    wait_until(lambda: in_flight(one) > before, f"{name} at the worker")
    return future


def test_a_body_without_room_waits_unread_and_small_ones_pass_it(one: Gated) -> None:
    waiting = [one.stuck("large", pad=PAD), send_unread(one, "unread")]
    waiting.append(one.send("small"))
    assert one.decoded() == ["large", "small"]
    one.open()
    assert [request.result().status_code for request in waiting] == [200, 200, 200]
    assert one.decoded() == ["large", "small", "unread"]


def test_what_waits_unread_has_a_place_in_the_queue_and_a_large_body_may_be_refused(one: Gated) -> None:
    waiting = [one.stuck("large", pad=PAD), *(send_unread(one, f"unread-{n}") for n in range(2))]
    waiting.append(one.send("small"))
    for body in ({"name": "x"}, {"name": "x", "pad": "x" * 20 * MB}):
        for _ in range(5):
            refused = one.server.post(body)
            assert "The queue is full" in str(assert_problem(refused, 503)["detail"])
    one.open()
    assert {request.result().status_code for request in waiting} == {200}
    assert "x" not in one.decoded()


def test_a_client_gone_while_its_body_waits_unread_is_not_decoded(one: Gated) -> None:
    stuck = one.stuck("large", pad=PAD)
    before = in_flight(one)
    leaves = http.client.HTTPConnection("127.0.0.1", one.server.port)
    headers = {"Content-Type": "application/json", "X-Amzn-SageMaker-Inference-Id": "leaves"}
    leaves.request("POST", "/invocations", f'{{"name": "leaves", "pad": "{PAD}"}}', headers)
    wait_until(lambda: in_flight(one) > before, "the request")
    leaves.close()
    wait_until(lambda: '"request_id":"leaves"' in one.server.stdout, "nginx noticing")
    stays = send_unread(one, "stays")
    one.open()
    assert {stuck.result().status_code, stays.result().status_code} == {200}
    assert one.decoded() == ["large", "stays"]


def test_what_waits_unread_until_its_deadline_gets_503(tmp_path: Path) -> None:
    with gated(tmp_path, MODEL_SERVER_TIMEOUT=2, MODEL_SERVER_MAX_BODIES_MB=1) as one:
        one.stuck("large", pad=PAD)
        late = one.post("late", pad=PAD)
        assert "busy for too long" in str(assert_problem(late, 503)["detail"])
        assert one.decoded() == ["large"]


def test_a_body_larger_than_all_the_room_is_served(tmp_path: Path, worker_class: str) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_MAX_BODIES_MB": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with Server(tmp_path, "counts_bytes", **variables) as server, ThreadPoolExecutor() as pool:
        sizes = [3 * MB + number for number in range(6)]
        bodies = [b"x" * size for size in sizes]
        assert [x.json() for x in pool.map(server.post, bodies)] == sizes
        chunked = (b"y" * 100_000 for _ in range(30))
        assert requests.post(f"{server.url}/invocations", data=chunked, timeout=30).json() == 3_000_000


def test_a_large_npy_is_an_array_to_write_to(tmp_path: Path, worker_class: str) -> None:
    with Server(tmp_path, "adds_in_place", MODEL_SERVER_WORKER_CLASS=worker_class) as server:
        for kind in ("<f8", ">f8", "<i2"):
            array = np.arange(300_000).astype(kind) % 1000
            answer = server.post(saved(array), "application/x-npy", Accept="application/json")
            assert answer.json() == float(array.sum(dtype="f8") + len(array))


def test_a_large_body_through_a_runner_that_wants_it_whole(tmp_path: Path) -> None:
    """An algorithm's request is read at once; this one is too long to be one."""
    with Server(
        tmp_path, None, RUNNER="algorithm", ALGORITHM_COMMAND='["true"]', AWS_DEFAULT_REGION="eu-west-1"
    ) as server:
        assert_problem(server.post({"x": "x" * MB}), 400)


@pytest.mark.skipif(os.geteuid() != 0, reason="smaps of other processes are root's to read")
@pytest.mark.parametrize(("kind", "size"), [("npy", 16), ("csv", 16), ("json", 40)])
def test_nginx_and_workers_hold_less_than_one_and_a_half_times_the_bodies_in_flight(
    tmp_path: Path, kind: str, size: int
) -> None:
    body, content_type = large(kind, size * MB)
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 2, "MODEL_SERVER_MAX_BODIES_MB": size}
    with Server(tmp_path, "rowsum", **variables) as server, ThreadPoolExecutor(8) as pool:
        server.post(b"1,2\n", "text/csv")
        base = peak = memory(server, "gunicorn", "nginx")
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.is_set():
                peak = max(peak, memory(server, "gunicorn", "nginx"))
                time.sleep(0.005)

        watching = pool.submit(watch)
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _: server.post(body, content_type), range(8)))
        done.set()
        watching.result()
        assert {answer.status_code for answer in answers} == {200}
        assert peak - base < 1.5 * 8 * len(body) / MB, f"{peak - base:.0f} MB"


def large(kind: str, size: int) -> tuple[bytes, str]:
    """A body of about so many bytes, and its type."""
    numbers = np.random.default_rng(0).random(100)
    if kind == "npy":
        return saved(np.tile(numbers, (size // 800, 1))), "application/x-npy"
    row = ",".join(map(repr, numbers.tolist()))
    if kind == "csv":
        return f"{row}\n".encode() * (size // len(row)), "text/csv"
    return f"[{','.join([f'[{row}]'] * (size // len(row)))}]".encode(), "application/json"
