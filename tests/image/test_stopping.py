"""How serve stops: /ping first, what is in flight to its end, then exit 0."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.disk import small_disk
from tests.support.gated import gated
from tests.support.server import Server, wait_until


@pytest.fixture(params=["gthread", "gevent"])
def slow(request: pytest.FixtureRequest, tmp_path: Path) -> Server:
    return Server(tmp_path, "slow", MODEL_SERVER_WORKERS=1, MODEL_SERVER_WORKER_CLASS=request.param)


def in_flight(server: Server, pool: ThreadPoolExecutor, seconds: float) -> Future[requests.Response]:
    """A request that has reached the worker and takes so many seconds."""
    future = pool.submit(server.post, {"sleep": seconds})
    wait_until(lambda: "requests_in_flight 1.0" in server.get("/metrics").text, "the request's arrival")
    return future


def busy_connections(server: Server) -> int:
    """Client connections established on the server's port of which nginx has read all there is."""
    port = f":{server.port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        local.endswith(port) and state == "01" and queues.endswith(":00000000")
        for _, local, _, state, queues, *_ in lines
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda n: n.name)
@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_stop_signal_drains(tmp_path: Path, worker_class: str, number: signal.Signals) -> None:
    with gated(tmp_path, MODEL_SERVER_WORKER_CLASS=worker_class) as one:
        request = one.stuck()
        one.server.process.send_signal(number)
        wait_until(lambda: one.server.ping() == 503, "/ping saying 503")
        (refused,) = wait_until(lambda: refusal(one.server), "a new request refused")
        assert not request.done(), "/ping said 503 while the request was in flight"
        one.open()
        assert request.result().json() == "stuck"
        assert one.server.wait_exit() == 0
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.headers["Retry-After"] == "1"


def refusal(server: Server) -> list[requests.Response]:
    """One sent just before nginx has reloaded is let in, and waits behind the other: give that one up."""
    try:
        response = requests.post(f"{server.url}/invocations", json={}, timeout=0.3)
    except requests.Timeout:
        return []
    return [response] if response.status_code == 503 else []


def test_a_body_still_being_sent_is_in_flight(slow: Server) -> None:
    with slow as server:
        body = b'{"sleep": 0.1}'
        head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + body[:5])
            wait_until(lambda: busy_connections(server) > 0, "the connection")
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: server.ping() == 503, "/ping saying 503")
            connection.sendall(body[5:])
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert (response.status, response.read()) == (200, b'"done"')
        assert server.wait_exit() == 0


def test_a_full_disk_does_not_keep_it_from_draining(slow: Server, short_folder: Path) -> None:
    with small_disk(short_folder, "4m"):
        slow.variables |= {"TMPDIR": short_folder, "MODEL_SERVER_MAX_PAYLOAD_MB": 1}
        with slow as server, ThreadPoolExecutor() as pool:
            request = in_flight(server, pool, 8)
            fill = ["dd", "if=/dev/zero", f"of={short_folder}/filler"]
            assert "No space left" in subprocess.run(fill, capture_output=True, text=True).stderr
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: server.ping() == 503, "/ping saying 503")
            assert request.result().text == '"done"'
            assert server.wait_exit() == 0


def test_a_second_signal_ends_at_once(slow: Server) -> None:
    with slow as server, ThreadPoolExecutor() as pool:
        request = in_flight(server, pool, 20)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.ping() == 503, "/ping saying 503")
        server.process.send_signal(signal.SIGINT)
        assert server.wait_exit() == 128 + signal.SIGINT
        assert outcome(request.result) in ("ConnectionError", "502")


def outcome(result: Callable[[], requests.Response]) -> str:
    try:
        return str(result().status_code)
    except requests.RequestException as error:
        return type(error).__name__


def test_an_idle_server_stops_with_exit_code_0(slow: Server) -> None:
    with slow as server:
        assert server.post({}).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        assert server.ping() == 0


def test_a_server_still_loading_stops_with_exit_code_0(tmp_path: Path) -> None:
    with Server(tmp_path, "loads_slowly", wait=False, MODEL_SERVER_WORKERS=1) as server:
        wait_until(lambda: server.ping() == 503, "/ping saying 503 while the model loads")
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0


def test_what_is_still_in_flight_after_25_seconds_is_cut_off_with_502(tmp_path: Path) -> None:
    with Server(tmp_path, "slow", MODEL_SERVER_WORKERS=1) as server, ThreadPoolExecutor() as pool:
        request = in_flight(server, pool, 40)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0, "SageMaker kills after 30 s (A3)"
        response = request.result()
        assert (response.status_code, response.headers["Content-Type"]) == (502, "application/problem+json")
        assert "not everything in flight ended within 25 s" in server.stderr
