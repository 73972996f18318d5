"""One copy of the model for all workers where a fork is safe; else one each, and a line that says why."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server, wait_until

ONCE = "the model is loaded once for"
EACH = "each worker loads the model itself: "


def said(server: Server) -> str:
    """What the log says of where the model is loaded, once all workers have it."""
    count = int(str(server.variables["MODEL_SERVER_WORKERS"]))
    wait_until(lambda: server.stderr.count("has loaded in") == count, "all workers")
    (line,) = [str(x["message"]) for x in server.log() if x["message"].startswith((ONCE, EACH))] or [""]
    return line


def answers(server: Server) -> list[Any]:
    """The answers of several workers."""
    with ThreadPoolExecutor(8) as pool:
        return [response.json() for response in pool.map(lambda _: server.post({}), range(40))]


def memory(server: Server, *names: str) -> float:
    """MB that gunicorn's processes, or those of these names, occupy, each shared page counted once (PSS)."""
    total = 0
    for pid in [pid for name in names or ("gunicorn",) for pid in server.pids(name)]:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


@pytest.mark.skipif(os.geteuid() != 0, reason="smaps of other processes are root's to read")
def test_four_workers_hold_hardly_more_than_one_copy_of_the_model(tmp_path: Path) -> None:
    used = {}
    for model in ("big", "rowsum"):
        with Server(tmp_path / model, model, MODEL_SERVER_WORKERS=4) as server:
            assert said(server).startswith(ONCE)
            assert len(answers(server)) == 40
            used[model] = memory(server)
    copies = (used["big"] - used["rowsum"]) / (1e8 / 2**20)
    assert 0.9 < copies <= 1.2, used


def test_a_worker_that_dies_is_replaced_without_a_load(tmp_path: Path) -> None:
    with Server(tmp_path, "kills_itself", MODEL_SERVER_WORKERS=2) as server:
        assert said(server).startswith(ONCE)
        (server.ml_root / "model" / "code" / "inference.py").write_text("raise RuntimeError")
        for _ in range(3):
            loaded = server.stderr.count("has loaded in")
            server.post({"signal": int(signal.SIGKILL)})
            wait_until(lambda loaded=loaded: server.stderr.count("has loaded in") > loaded, "the replacement")
        assert {server.post({}).status_code for _ in range(4)} == {200}


def test_threads_that_are_about_to_end_are_no_reason_to_load_in_each_worker(tmp_path: Path) -> None:
    with Server(tmp_path, "leaves_threads_about_to_end", MODEL_SERVER_WORKERS=2) as server:
        assert said(server).startswith(ONCE)
        assert {server.post([[1, 2]]).status_code for _ in range(8)} == {200}


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("starts_a_thread_at_import", "it has started threads (Thread-1"),
        ("initialises_cuda", "torch has initialised CUDA"),
        ("openmp", "native threads run (1, of OpenMP for example)"),
    ],
)
def test_what_a_fork_would_break_is_loaded_in_each_worker(tmp_path: Path, model: str, why: str) -> None:
    with Server(tmp_path, model, MODEL_SERVER_WORKERS=2, OMP_NUM_THREADS=2) as server:
        assert said(server).startswith(EACH + why)
        assert {server.post([[1, 2]]).status_code for _ in range(8)} == {200}
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("a_socket", "it has left socket:["),
        ("a_file", "it has left "),
        ("a_process", "it has started processes ("),
        ("a_mapped_file", None),
        ("nothing", None),
    ],
)
def test_workers_share_no_connection_nor_place_in_a_file(tmp_path: Path, what: str, why: str | None) -> None:
    server = Server(tmp_path, "leaves_open", MODEL_SERVER_WORKERS=2)
    (server.ml_root / "model" / "code" / "what").write_text(what)
    with server:
        assert said(server).startswith(ONCE if why is None else EACH + why)
        loaded_in = set(answers(server))
        if why is None:
            assert loaded_in == {server.pids("gunicorn")[0]}
        else:
            assert loaded_in <= set(server.workers())


def test_openblas_threads_are_no_obstacle(tmp_path: Path) -> None:
    """It has fork handlers; bodies are read with numpy, so every model has it."""
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=2, OPENBLAS_NUM_THREADS=4) as server:
        assert said(server).startswith(ONCE)
        assert server.post(b"1,2\n", "text/csv").text == "3.0\n"


def test_openmp_with_one_thread_is_no_obstacle(tmp_path: Path) -> None:
    with Server(tmp_path, "openmp", MODEL_SERVER_WORKERS=2, OMP_NUM_THREADS=1) as server:
        assert said(server).startswith(ONCE)
        assert {server.post([[1, 2]]).status_code for _ in range(4)} == {200}


def test_forked_workers_have_random_numbers_of_their_own(tmp_path: Path) -> None:
    with Server(tmp_path, "random_numbers", MODEL_SERVER_WORKERS=2) as server:
        assert said(server).startswith(ONCE)
        found: list[Any] = []

        def from_both() -> bool:
            found.extend(answers(server))
            return len({pid for pid, *_ in found}) == 2

        wait_until(from_both, "answers of both workers")
        for place in (1, 2):
            assert len({answer[place] for answer in found}) == len(found)
        assert all(pid == seeded for pid, _, _, seeded in found)


def test_under_gevent_each_worker_loads(tmp_path: Path) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 2, "MODEL_SERVER_WORKER_CLASS": "gevent"}
    with Server(tmp_path, "rowsum", **variables) as server:
        assert said(server).startswith(EACH + "gevent")


def test_a_load_that_crashes_before_the_fork_ends_the_server_with_the_signals_code(tmp_path: Path) -> None:
    with Server(tmp_path, "load_crashes", wait=False, MODEL_SERVER_WORKERS=2) as server:
        assert server.wait_exit() == 128 + signal.SIGSEGV
        assert "gunicorn ended by segfault (SIGSEGV)" in server.stderr
        assert 'inference.py", line 8 in load' in server.stderr
