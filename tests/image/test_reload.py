"""SIGHUP: a new model on disk is loaded, and no request is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.files import everything
from tests.support.server import Server, alive, steady, wait_until


def serving(folder: Path, **variables: Any) -> Server:
    """Two workers whose model answers with the version on disk: v1."""
    server = Server(folder, "version", MODEL_SERVER_WORKERS=2, **variables)
    write(server, "v1")
    return server


def write(server: Server, version: str) -> None:
    (server.ml_root / "model" / "version").write_text(version)


def in_flight(server: Server, pool: ThreadPoolExecutor) -> Future[requests.Response]:
    """A request that has reached the model, which answers it after go()."""
    future = pool.submit(server.post, {"wait": True})
    wait_until((server.ml_root / "model" / "arrived").exists, "the request's arrival")
    return future


def answer(server: Server) -> str:
    """The answer to a request; none where it waits behind the one in flight, in the same worker."""
    try:
        return requests.post(f"{server.url}/invocations", json={}, timeout=1).text
    except requests.Timeout:
        return ""


def go(server: Server) -> None:
    (server.ml_root / "model" / "go").touch()


def wait_loaded(server: Server) -> None:
    wait_until(lambda: server.stderr.count("has loaded in") == 2, "both workers")


def hang_up(server: Server) -> None:
    server.process.send_signal(signal.SIGHUP)


def count(server: Server, words: str) -> int:
    return sum(words in line["message"] for line in server.log())


def wait_left(server: Server, times: int = 1) -> None:
    wait_until(lambda: count(server, "the model loaded before has left") == times, "the old one's end")


@contextmanager
def stream(server: Server, clients: int) -> Iterator[list[str]]:
    """Requests without a pause from so many clients, half of them on kept connections: all their answers."""
    found: list[str] = []
    stopping = threading.Event()

    def ask(number: int) -> None:
        session = requests.Session()
        while not stopping.is_set():
            try:
                if number % 2:
                    answer = session.post(f"{server.url}/invocations", json={}, timeout=30)
                else:
                    answer = server.post({})
                found.append(answer.text)
            except requests.RequestException as error:
                found.append(repr(error))

    with ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(ask, number) for number in range(clients)]
        try:
            yield found
        finally:
            stopping.set()
            for future in asking:
                future.result()


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_reload_under_load_loses_no_request(tmp_path: Path, worker_class: str) -> None:
    with serving(tmp_path, MODEL_SERVER_WORKER_CLASS=worker_class) as server:
        with stream(server, clients=6) as found:
            for version in ("v2", "v3"):
                wait_until(lambda: len(found) > 20, "answers")
                write(server, version)
                hang_up(server)
                wait_left(server, int(version[1]) - 1)
                after = len(found)
                wait_until(lambda after=after: len(found) > after + 20, "answers of the new one")
                # What each client had just received may have been noted after that.
                assert set(found[after + 6 :]) == {f'"{version}"'}
                assert set(found) <= {'"v1"', '"v2"', '"v3"'}
        assert server.ping() == 200


def test_a_request_in_flight_is_answered_by_the_model_it_came_to(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ThreadPoolExecutor() as pool:
        old = in_flight(server, pool)
        write(server, "v2")
        hang_up(server)
        wait_until(lambda: answer(server) == '"v2"', "the new model's answer")
        assert not old.done()
        go(server)
        assert old.result().text == '"v1"'
        wait_left(server)


def test_a_model_that_cannot_be_loaded_leaves_the_old_one_serving(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        wait_loaded(server)
        before = server.pids("")
        write(server, "none")
        hang_up(server)
        wait_until(lambda: count(server, "the reload failed") == 1, "the log's word")
        (line,) = [line for line in server.log() if "the reload failed" in line["message"]]
        assert "ValueError: this is no version" in line["message"]
        wait_until(lambda: server.pids("") == before, "the end of the new processes")
        assert (server.ping(), server.post({}).text) == (200, '"v1"')
        write(server, "v2")
        hang_up(server)
        wait_until(lambda: answer(server) == '"v2"', "the new model's answer")


def test_a_second_sighup_ends_a_load_that_hangs(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        wait_loaded(server)
        before = len(server.pids("gunicorn"))
        write(server, "slow")
        hang_up(server)
        wait_until(lambda: len(server.pids("gunicorn")) > before, "the new gunicorn")
        write(server, "v2")
        hang_up(server)
        wait_until(lambda: answer(server) == '"v2"', "the new model's answer")
        wait_left(server)
        # A process that is just being forked or ended is counted or not.
        wait_until(lambda: len(server.pids("gunicorn")) == before, "as many processes as before")


def test_sigterm_during_a_reload_drains(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ThreadPoolExecutor() as pool:
        wait_loaded(server)
        pids = server.pids("gunicorn")
        write(server, "slow")
        hang_up(server)
        wait_until(lambda: len(server.pids("gunicorn")) > len(pids), "the new gunicorn")
        pids = server.pids("gunicorn")
        request = in_flight(server, pool)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.ping() == 503, "/ping saying 503")
        go(server)
        assert request.result().text == '"v1"'
        assert server.wait_exit() == 0
        assert not [pid for pid in pids if alive(pid)]
        assert list(server.temporary.iterdir()) == []


def test_sigterm_while_the_old_model_leaves_waits_for_its_last_answer(tmp_path: Path) -> None:
    with serving(tmp_path) as server, ThreadPoolExecutor() as pool:
        request = in_flight(server, pool)
        write(server, "v2")
        hang_up(server)
        wait_until(lambda: answer(server) == '"v2"', "the new model's answer")
        assert not request.done()
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.ping() == 503, "/ping saying 503")
        go(server)
        assert request.result().text == '"v1"'
        assert server.wait_exit() == 0


def test_repeated_reloads_leave_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as server:

        def holds() -> tuple[int, int, int]:
            run_dir = next(server.temporary.iterdir())
            return (
                len(server.pids("")),
                len([path for path in everything(run_dir) if path.suffix == ".sock"])
                + len(list(run_dir.iterdir())),
                len(list(Path(f"/proc/{server.process.pid}/fd").iterdir())),
            )

        server.post({})
        wait_loaded(server)
        before = steady(holds)
        for times in range(1, 4):
            hang_up(server)
            wait_left(server, times)
        wait_until(lambda: holds() == before, f"as much as before: {before}")


def test_the_first_exit_after_a_reload_ends_the_group(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        old = server.pids("gunicorn")[0]
        hang_up(server)
        wait_left(server)
        assert not alive(old)
        os.kill(server.pids("gunicorn")[0], signal.SIGKILL)
        assert server.wait_exit() == 128 + signal.SIGKILL
