"""How serve stops while tasks run: it lets them end, whoever waits for them, then stops them and says so."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.fault_proxy import FaultProxy, PassOn, Stall
from tests.support.programs import runs
from tests.support.s3 import S3Server
from tests.support.server import Server, wait_until
from tests.support.tasks import (
    OUTPUTS,
    an_input,
    is_empty,
    lines,
    serve,
    stored,
    task,
    two_buckets,
    waiting_for,
)

# Of the 25 s to drain, 5 are for storing the result, and of the grace 18 at most for SIGTERM to work.
GRACE_THAT_LEAVES_2_SECONDS = 60


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("stopping")) as running:
        yield running


def begin_and_leave(server: Server, s3: S3Server, name: str, folder: Path) -> None:
    """Ask for a task that ends when folder/NAME-go is there, and hang up once its script has begun."""
    script = f"> '{folder}/{name}-begun'\n{waiting_for(folder / f'{name}-go')}"
    body = json.dumps(task(s3, name, f"{script} echo done > $ALGORITHM_OUTPUT/x")).encode()
    head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        wait_until((folder / f"{name}-begun").exists, "the script's begin")


def programs_below(folder: Path) -> list[Path]:
    """Return the processes whose command line names this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(process)
    return found


def a_new_task_is_refused(server: Server) -> bool:
    """One sent before nginx has reloaded is let in, and refused for what is in it."""
    response = requests.post(f"{server.url}/invocations", json={}, timeout=5)
    return response.status_code == 503 and "Retry-After" in response.headers


def test_a_client_that_goes_away_does_not_cancel_its_task(s3: S3Server, tmp_path: Path) -> None:
    with serve(tmp_path / "server", s3) as server:
        begin_and_leave(server, s3, "left", tmp_path)
        assert stored(s3, "left") is None
        (tmp_path / "left-go").touch()
        result = wait_until(lambda: stored(s3, "left"), "the result file")
        assert (result["reason"], s3.get(OUTPUTS, "left/x")) == ("ok", b"done\n")

        begin_and_leave(server, s3, "left-at-the-end", tmp_path)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.ping() == 503, "/ping saying 503")
        wait_until(lambda: a_new_task_is_refused(server), "a new task refused")
        assert server.process.poll() is None
        assert stored(s3, "left-at-the-end") is None
        (tmp_path / "left-at-the-end-go").touch()
        assert server.wait_exit() == 0
    last = stored(s3, "left-at-the-end")
    assert last is not None
    assert (last["reason"], s3.get(OUTPUTS, "left-at-the-end/x")) == ("ok", b"done\n")
    assert is_empty(tmp_path / "server" / "work")


def test_tasks_that_do_not_end_in_time_are_stopped_and_their_results_say_so(
    s3: S3Server, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    runs_on = f"""
        sleep 300 & echo $! >> '{pids}'
        setsid sleep 300 & echo $! >> '{pids}'
        echo 'still at it' >&2
        echo '0.5 half way' > $ALGORITHM_PROGRESS
        echo $$ >> '{pids}'
        wait
    """
    stalls = task(s3, "fetches-for-ever")
    stalls["inputs"].append(an_input("stalls", "stalls"))
    with (
        FaultProxy(s3.url, lambda asked: Stall() if asked.path.endswith("/stalls") else PassOn()) as proxy,
        serve(
            tmp_path / "server",
            s3,
            AWS_ENDPOINT_URL_S3=proxy.url,
            ALGORITHM_CONCURRENCY=3,
            ALGORITHM_GRACE_SECONDS=GRACE_THAT_LEAVES_2_SECONDS,
        ) as server,
        ThreadPoolExecutor() as pool,
    ):
        given = task(s3, "runs-for-ever", runs_on)
        answers = [pool.submit(server.post, given), pool.submit(server.post, given)]
        fetching = pool.submit(server.post, stalls)
        begin_and_leave(server, s3, "ends-in-time", tmp_path)
        wait_until(lambda: len(lines(pids)) == 3 and proxy.stalling.is_set(), "the tasks' begin")
        assert all(runs(int(pid)) for pid in lines(pids))
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.ping() == 503, "/ping saying 503")
        (tmp_path / "ends-in-time-go").touch()
        assert server.wait_exit() == 0
        assert not any(runs(int(pid)) for pid in lines(pids))
        results = [answer.result().json() for answer in answers]
    result = stored(s3, "runs-for-ever")
    assert result is not None
    assert results == [result, result]
    assert (result["reason"], result["return_code"]) == ("stopped", -signal.SIGTERM)
    assert result["user_safe_error_message"] == "The server was stopped before the task had ended."
    assert result["user_process_last_stderr_lines"] == ["still at it"]
    assert result["progress"] == {"fraction": 0.5, "text": "half way"}
    assert stored(s3, "fetches-for-ever") == fetching.result().json()
    assert (fetching.result().json()["reason"], fetching.result().json()["return_code"]) == ("stopped", 1)
    in_time = stored(s3, "ends-in-time")
    assert in_time is not None
    assert in_time["reason"] == "ok"
    assert is_empty(tmp_path / "server" / "work")


def test_who_waits_for_a_place_is_refused_when_the_server_stops(s3: S3Server, tmp_path: Path) -> None:
    with serve(tmp_path / "server", s3, ALGORITHM_WAIT_SECONDS=60) as server, ThreadPoolExecutor() as pool:
        begin_and_leave(server, s3, "has-the-place", tmp_path)
        waiting = [pool.submit(server.post, task(s3, f"waits-{n}")) for n in range(3)]
        wait_until(lambda: established(server) == 3, "three requests that wait")
        server.process.send_signal(signal.SIGTERM)
        assert [answer.result().status_code for answer in waiting] == [503] * 3
        assert waiting[0].result().headers["Retry-After"]
        (tmp_path / "has-the-place-go").touch()
        assert server.wait_exit() == 0
    assert stored(s3, "waits-0") is None


def established(server: Server) -> int:
    """Client connections that are established on the server's port."""
    port = f":{server.port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] == "01" for row in rows)


def test_a_second_signal_ends_it_at_once(s3: S3Server, tmp_path: Path) -> None:
    with serve(tmp_path / "server", s3) as server:
        begin_and_leave(server, s3, "ended-at-once", tmp_path)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.ping() == 503, "/ping saying 503")
        server.process.send_signal(signal.SIGINT)
        assert server.wait_exit() == 128 + signal.SIGINT
    (tmp_path / "ended-at-once-go").touch()
    # The program outlives a server that is ended so: its folder stays until it has seen the file.
    wait_until(lambda: not programs_below(tmp_path), "the end of the program")
    assert stored(s3, "ended-at-once") is None
