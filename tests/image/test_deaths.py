"""A worker that dies is one line of the log, and workers that do nothing but die end the server."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.serving import deaths
from longshore_runtime.serving.blackbox import BlackBox
from tests.image.test_machine import tree
from tests.support.gated import gated
from tests.support.server import Server, alive, wait_until


def died(server: Server, number: int = 1) -> dict[str, Any]:
    """The line about the death of the last of so many workers."""

    def lines() -> list[dict[str, Any]]:
        found = deaths_told(server)
        assert len(found) <= number, found
        return found if len(found) == number else []

    line: dict[str, Any] = wait_until(lines, "the line about the death", seen=server.seen)[-1]
    return line


def deaths_told(server: Server) -> list[dict[str, Any]]:
    return [line for line in server.log() if "cause" in line]


def hung(server: Server, body: dict[str, bool]) -> dict[str, Any]:
    """The line about the death of the worker that has hung by this body."""
    line: dict[str, Any] = server.hang(body, lambda: deaths_told(server), "the line about the death")[0]
    return line


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (signal.SIGSEGV, "segfault (SIGSEGV)"),
        (signal.SIGKILL, "SIGKILL"),
        (signal.SIGFPE, "SIGFPE"),
        (40, "signal 40"),
    ],
)
def test_a_worker_killed_by_a_signal_is_one_line_with_its_last_requests(
    tmp_path: Path, number: int, cause: str
) -> None:
    with Server(tmp_path, "kills_itself", MODEL_SERVER_WORKERS=1) as server:
        for answered in range(7):
            server.post({}, X_Amzn_SageMaker_Inference_Id=f"answered {answered}")
        server.post({"signal": int(number)}, X_Amzn_SageMaker_Inference_Id="the last one")
        line = died(server)
        assert (line["level"], line["cause"], line["in_flight"]) == ("ERROR", cause, ["the last one"])
        assert (line["batch"], line["computing"]) == (1, ["the last one"])
        assert line["answered"] == 7
        assert line["last_answered"] == [f"answered {number}" for number in range(2, 7)]
        assert 10e6 < line["rss_bytes"] < 1e9
        assert f"died: {cause}; 7 requests answered; " in line["message"]
        words = "computing 1: the last one; in flight: the last one; before: answered 2, "
        assert words in line["message"]


def test_a_worker_that_dies_in_a_batch_tells_which_requests_were_in_it(tmp_path: Path) -> None:
    """Four that have come while another was computed; one of the four kills."""
    with gated(tmp_path, "gated_batches") as one:
        one.stuck("first")
        for name in ("a", "b", "c"):
            one.send(name)
        one.send("d", answer="kill")
        one.open(waiting=4)
        line = died(one.server)
        assert (line["batch"], line["computing"]) == (4, ["id-a", "id-b", "id-c", "id-d"])
        assert "computing 4: id-a, id-b, id-c, id-d; in flight: " in line["message"]
        assert line["answered"] <= 1, "the first"


def test_no_call_is_told_of_a_worker_that_was_idle_between_its_calls(tmp_path: Path) -> None:
    with Server(tmp_path, "exits", MODEL_SERVER_WORKERS=1) as server:
        for _ in range(100):  # more than there are places for calls at once
            server.post({})
        server.post(b"{", "application/json")
        os.kill(server.workers()[0], signal.SIGKILL)
        line = died(server)
        assert (line["batch"], line["computing"], line["answered"]) == (0, [], 101)
        assert "computing" not in line["message"]


def test_a_worker_that_exits_is_one_line_with_its_code(tmp_path: Path) -> None:
    """3 is the code by which a worker says that it could not load: not so once it has."""
    with Server(tmp_path, "exits", MODEL_SERVER_WORKERS=1) as server:
        assert server.post({}).status_code == 200
        server.post({"exit": 3})
        assert died(server)["cause"] == "exit code 3"
        wait_until(lambda: server.post({}).status_code == 200, "the replacement's answer")
        server.post({"exit": 0})
        assert died(server, 2)["cause"] == "exit code 0"


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
@pytest.mark.parametrize("model", ["hangs", "hangs_holding_the_gil", "hangs_in_decode", "hangs_in_encode"])
def test_a_worker_that_hangs_is_one_line_and_its_stack_is_shown(
    tmp_path: Path, model: str, worker_class: str
) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with Server(tmp_path, model, MODEL_SERVER_TIMEOUT=1, **variables) as server:
        line = hung(server, {"hang": True})
        assert line["cause"] == "time-out"
        # SIGABRT cuts this C call short where the main thread makes it, as under gevent: it may get a 500.
        assert "too long" in [*line["in_flight"], *line["last_answered"]]
        assert 'inference.py", line' in server.stderr


def test_the_stack_is_shown_of_a_call_that_no_signal_ends(tmp_path: Path) -> None:
    with Server(tmp_path, "holds_the_gil", MODEL_SERVER_WORKERS=1, MODEL_SERVER_TIMEOUT=1) as server:
        line = hung(server, {"spin": True})
        assert (line["cause"], line["computing"]) == ("time-out", ["too long"])
        assert 'inference.py", line 19 in predict' in server.stderr


def test_the_line_stands_alone_where_the_stacks_were_cut_short(tmp_path: Path) -> None:
    """Nobody reads the log meanwhile, and it holds less than the stacks: SIGKILL comes in a line of them."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_TIMEOUT": 1}
    with (
        os.fdopen(reading, "rb") as log,
        Server(tmp_path, "holds_the_gil", stderr=writing, **variables) as server,
    ):
        while b"loaded" not in log.readline():
            pass
        os.write(writing, b"-" * 2040 + b"\n")  # so that the end is in the middle of a line
        os.close(writing)
        (worker,) = server.workers()

        def computes() -> bool:
            server.post({"spin": True})
            return any((server.ml_root / "model").glob("arrived-*"))

        wait_until(computes, "the call")
        wait_until(lambda: not alive(worker), "the worker's death")
        lines = [log.readline()]
        while b'"cause"' not in lines[-1]:
            lines.append(log.readline())
            assert lines[-1], "the end of the log"
        assert not [line for line in lines if line.startswith(b"Extension modules")], "the last of the stacks"
        assert json.loads(lines[-1])["cause"] == "time-out"
        threading.Thread(target=log.read, daemon=True).start()


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_a_worker_that_is_told_to_end_is_no_line(tmp_path: Path, worker_class: str) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=2, MODEL_SERVER_WORKER_CLASS=worker_class) as server:
        server.post(b"1,1\n", "text/csv")
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0
    assert not [line for line in server.log() if "cause" in line]


@pytest.mark.parametrize(
    ("line", "name"), [("0::/", "memory.events"), ("4:memory:/box", "memory/box/memory.oom_control")]
)
def test_sigkill_is_told_as_out_of_memory_where_the_kernel_has_counted_one(
    tmp_path: Path, line: str, name: str
) -> None:
    kills = tmp_path / "cgroup" / name
    roots = tree(tmp_path, {"proc/self/cgroup": f"{line}\n", f"cgroup/{name}": "oom 3\noom_kill 5\n"})
    oom = deaths.OomKills(roots)
    assert not oom.explain(-signal.SIGKILL), "those five were before"
    kills.write_text("oom 3\noom_kill 7\n")
    assert not oom.explain(-signal.SIGSEGV)
    assert [oom.explain(-signal.SIGKILL) for _ in range(3)] == [True, True, False]
    assert deaths.cause(-signal.SIGKILL, out_of_memory=True) == "out of memory (SIGKILL by the kernel)"


def test_a_load_that_crashes_each_time_ends_the_server_with_the_signals_code(tmp_path: Path) -> None:
    with Server(tmp_path, "load_crashes", wait=False, MODEL_SERVER_WORKERS=1) as server:
        seen = set()
        while server.process.poll() is None:
            seen.add(server.ping())
        assert server.process.returncode == 128 + signal.SIGSEGV, server.stderr
        assert seen <= {0, 503}
        assert server.stderr.count("crash loop: ") == 1
        assert "died before it had loaded, the last of segfault (SIGSEGV)" in server.stderr
        assert 'inference.py", line 8 in load' in server.stderr


def test_workers_that_die_of_every_request_end_the_server(tmp_path: Path) -> None:
    with Server(tmp_path, "exits", MODEL_SERVER_WORKERS=1) as server:
        for number in range(1, 6):
            assert server.post({"exit": 7}).status_code == 502
            died(server, number)
        assert server.wait_exit() == 7
        assert server.stderr.count("crash loop: ") == 1
        assert "died before anything was answered, the last of exit code 7" in server.stderr


def test_a_request_that_kills_its_worker_ends_no_server_that_answers_others(
    tmp_path: Path,
) -> None:
    with Server(tmp_path, "exits", MODEL_SERVER_WORKERS=1) as server:
        for number in range(1, 9):
            if number % 4 == 1:
                wait_until(lambda: server.post({}).status_code == 200, "another request's answer")
            server.post({"exit": 7})
            died(server, number)
        wait_until(lambda: server.post({}).status_code == 200, "another request's answer")


def test_a_refusal_is_no_answer_of_a_worker_that_dies(tmp_path: Path) -> None:
    with gated(tmp_path, "gated_batches", MODEL_SERVER_MAX_QUEUE=1) as one:
        dies, waits = one.stuck(answer="kill"), one.send("waits")
        assert one.post("refused").status_code == 503
        one.open()
        assert (dies.result().status_code, waits.result().status_code) == (502, 502)
        line = died(one.server)
        assert (line["answered"], line["last_answered"]) == (0, ["id-refused"])


def test_more_in_flight_than_are_remembered_count_as_no_answers() -> None:
    box = BlackBox()
    numbers = [box.begin(f"request {number}") for number in range(100)]
    assert box.answered == 0
    for number in numbers[:50]:
        box.end(number, refused=False)
    assert box.answered == 50
    remembered = [f"request {number}" for number in range(100)][-64:]
    assert box.requests(in_flight=True) == remembered[14:]
    assert box.requests(in_flight=False) == remembered[:14]


def test_the_limit_of_a_crash_loop_grows_with_the_workers() -> None:
    loop = deaths.CrashLoop(workers=4)
    assert [loop.died(0, None) for _ in range(12)] == [False] * 11 + [True]
    long_ago = 1e-9  # a time of time.monotonic(): at the boot of the machine
    assert not loop.died(0, long_ago), "one that had lived for long begins the count anew"
    assert not loop.died(0, None)
