"""/ping tells the truth: 503 while all workers are stuck, and before the disk or the memory is used up."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from longshore_runtime.serving import events
from longshore_runtime.serving.blackbox import BlackBox
from longshore_runtime.serving.hangs import Hangs
from longshore_runtime.serving.resources import Resources
from tests.image.test_machine import tree
from tests.support.disk import small_disk
from tests.support.raw_http import connect, statuses
from tests.support.server import PATIENCE, Server, wait_until

MB = 2**20


def holding(folder: Path, **variables: Any) -> Server:
    """A server whose model can keep the interpreter's lock."""
    server = Server(folder, "holds_the_gil", **variables)
    (server.ml_root / "model").chmod(0o777)  # the workers may be somebody else
    return server


def hold(server: Server, pool: ThreadPoolExecutor, seconds: int, workers: int) -> list[Future[Any]]:
    """Requests that keep so many workers from doing anything else, once they do."""
    wait_until(lambda: server.stderr.count("has loaded in") == workers, "all workers")
    return [hold_one(server, pool, seconds, number) for number in range(1, workers + 1)]


def hold_one(server: Server, pool: ThreadPoolExecutor, seconds: int, number: int) -> Future[Any]:
    """The number-th of those requests, which the model has."""
    sent = pool.submit(server.post, {"hold": seconds})

    def arrived() -> bool:
        nonlocal sent
        if len(list((server.ml_root / "model").glob("arrived-*"))) == number:
            return True
        if sent.done():  # a loaded machine has not brought it to the model in time
            sent = pool.submit(server.post, {"hold": seconds})
        return False

    wait_until(arrived, "another worker's call", seen=server.seen)
    return sent


def detail(server: Server) -> str:
    """What /ping says; nothing where it is 200."""
    answer = requests.get(f"{server.url}/ping", timeout=PATIENCE)
    return "" if answer.status_code == 200 else str(answer.json()["detail"])


def told(server: Server, words: str) -> int:
    return sum(line["message"].startswith(words) for line in server.log())


def test_ping_answers_while_every_worker_keeps_the_interpreter(tmp_path: Path) -> None:
    with holding(tmp_path, MODEL_SERVER_WORKERS=2) as server, ThreadPoolExecutor() as pool:
        held = hold(server, pool, 10, workers=2)
        answers = [server.ping() for _ in range(50)]
        assert not any(one.done() for one in held), "each took a fraction of the ten seconds"
        assert set(answers) == {200}
        for pid in server.workers():
            os.kill(pid, signal.SIGKILL)


def test_pings_that_come_all_at_once_are_all_answered(tmp_path: Path) -> None:
    """They come while the supervisor takes none, and until nginx has seen them all."""
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server, ExitStack() as stack:
        connections = [stack.enter_context(connect(server)) for _ in range(200)]
        server.process.send_signal(signal.SIGSTOP)
        try:
            for connection in connections:
                connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert server.get("/nothing").status_code == 404
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert {status for one in connections for status in statuses(one.recv(65536))} == {200}


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_ping_says_503_while_every_worker_is_stuck_and_200_when_they_are_replaced(
    tmp_path: Path, worker_class: str
) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_TIMEOUT": 1, "MODEL_SERVER_WORKER_CLASS": worker_class}
    with holding(tmp_path, MODEL_SERVER_WORKERS=2, **variables) as server, ThreadPoolExecutor() as pool:
        stuck = set(server.workers())
        hold(server, pool, 1000, workers=2)
        wait_until(lambda: detail(server), "/ping saying 503")
        assert detail(server) == "Every worker has been in one decode, predict or encode for over 1 s."
        wait_until(lambda: not detail(server), "/ping saying 200")
        wait_until(lambda: not stuck & set(server.workers()), "the end of those that were stuck")
        wait_until(lambda: told(server, "/ping says 200 again") == 1, "the line about the end")
        assert told(server, "/ping says 503: Every worker") == 1


def test_one_worker_that_is_stuck_of_two_is_no_503(tmp_path: Path) -> None:
    with (
        holding(tmp_path, MODEL_SERVER_WORKERS=2, MODEL_SERVER_TIMEOUT=1) as server,
        ThreadPoolExecutor() as pool,
    ):
        wait_until(lambda: server.stderr.count("has loaded in") == 2, "all workers")
        held = hold_one(server, pool, 1000, 1)
        seen = set()
        while " died: time-out; " not in server.stderr:
            seen.add(detail(server))
        assert held.result().status_code == 504
        assert seen == {""}


def test_a_worker_that_goes_on_after_it_was_stuck_makes_ping_200_again(tmp_path: Path) -> None:
    """Stopped by a signal, it is as one that does not get the interpreter, whatever it does."""
    with holding(tmp_path, MODEL_SERVER_WORKERS=1, MODEL_SERVER_TIMEOUT=2) as server:
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: detail(server), "/ping saying 503")
        os.kill(worker, signal.SIGCONT)
        wait_until(lambda: not detail(server), "/ping saying 200")
        assert server.post({}).json() == worker


def test_gunicorns_master_tells_of_each_worker_that_is_in_a_call_for_too_long(short_folder: Path) -> None:
    """Whether it holds the interpreter or not: before anything of the worker's own has noticed."""
    told = events.Receiver(short_folder)
    hangs = Hangs(short_folder, 0, os.kill)  # any call that runs is too long
    workers = {pid: SimpleNamespace(pid=pid, box=BlackBox(), tmp=SimpleNamespace()) for pid in (1, 2)}
    for worker in workers.values():
        worker.box.ready()
        worker.tmp.last_update = time.monotonic
    hangs.look(workers)
    assert told.receive() == []
    at = workers[1].box.call(["id"])
    for _ in range(3):
        hangs.look(workers)
    why = "Every worker has been in one decode, predict or encode for over 0 s."
    assert told.receive() == [events.WorkerHealth(1, why)]
    workers[1].box.returned(at)
    hangs.look(workers)
    assert told.receive() == [events.WorkerHealth(1, None)]
    workers[2].tmp.last_update = lambda: time.monotonic() - 3
    hangs.look(workers)
    assert told.receive() == [events.WorkerHealth(2, why)]
    told.close()
    (short_folder / events.SOCKET_NAME).unlink()


def test_ping_says_503_when_the_disk_has_no_room_for_a_body_and_200_when_it_has(
    tmp_path: Path, short_folder: Path
) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_WORKERS": 1, "MODEL_SERVER_MAX_PAYLOAD_MB": 4}
    with (
        small_disk(short_folder, "8m"),
        Server(tmp_path, "counts_bytes", TMPDIR=short_folder, **variables) as server,
    ):
        filler = short_folder / "filler"
        filler.write_bytes(bytes(5 * MB))
        wait_until(lambda: detail(server), "/ping saying 503")
        words = f"The disk is nearly full: {short_folder} has 2 MB left, and one body may have 4 MB"
        assert {detail(server) for _ in range(20)} == {f"{words} (MODEL_SERVER_MAX_PAYLOAD_MB)."}
        filler.unlink()
        wait_until(lambda: not detail(server), "/ping saying 200")
        assert told(server, "/ping says 503: The disk is nearly full: ") == 1
        assert told(server, "/ping says 200 again: ") == 1


def v2(limit: int, current: int, cached: int = 0) -> dict[str, str]:
    return {
        "memory.max": f"{limit * MB}\n",
        "memory.current": f"{current * MB}\n",
        "memory.stat": f"anon 1\ninactive_file {cached * MB}\nactive_file 0\n",
    }


def v1(limit: int, current: int, cached: int = 0) -> dict[str, str]:
    return {
        "memory.limit_in_bytes": f"{limit * MB}\n",
        "memory.usage_in_bytes": f"{current * MB}\n",
        "memory.stat": f"inactive_file 0\ntotal_inactive_file 0\ntotal_active_file {cached * MB}\n",
    }


def memory_sentence(folder: Path, lines: str, files: dict[str, dict[str, str]]) -> str | None:
    laid_out = {f"cgroup/{at}{name}": text for at, some in files.items() for name, text in some.items()}
    return Resources(folder, 0, tree(folder, {"proc/self/cgroup": lines, **laid_out})).why_not()


@pytest.mark.parametrize(
    ("lines", "files", "told"),
    [
        ("0::/\n", {"": v2(1000, 940)}, None),
        ("0::/\n", {"": v2(1000, 951)}, "951 of the 1000 MB"),
        ("0::/\n", {"": v2(1000, 999, cached=300)}, None),
        ("0::/\n", {"": v2(1000, 999, cached=40)}, "959 of the 1000 MB"),
        ("0::/\n", {"": v2(64_000, 63_800)}, None),
        ("0::/\n", {"": v2(64_000, 63_900)}, "63900 of the 64000 MB"),
        ("0::/pod/box\n", {"pod/box/": v2(2000, 900), "pod/": v2(1000, 990)}, "990 of the 1000 MB"),
        ("0::/pod/box\n", {"pod/box/": v2(1000, 990), "pod/": v2(2000, 1000)}, "990 of the 1000 MB"),
        ("0::/\n", {"": v2(1000, 999) | {"memory.max": "max\n"}}, None),
        ("0::/\n", {}, None),
        ("4:memory:/docker/abc\n", {"memory/": v1(1000, 999, cached=300)}, None),
        ("4:memory:/docker/abc\n", {"memory/": v1(1000, 999, cached=40)}, "959 of the 1000 MB"),
        ("4:memory:/\n", {"memory/": v1(2**63 // MB, 999)}, None),
    ],
)
def test_memory_that_is_nearly_used_up_is_told_with_its_figures(
    tmp_path: Path, lines: str, files: dict[str, dict[str, str]], told: str | None
) -> None:
    sentence = memory_sentence(tmp_path, lines, files)
    if told is None:
        assert sentence is None
    else:
        limit = "that the limit of this container allows, cached files not counted."
        assert sentence == f"The memory is nearly used up: {told} {limit}"


def test_the_disk_and_the_memory_are_looked_at_once_a_second_at_most(tmp_path: Path) -> None:
    roots = tree(tmp_path, {"proc/self/cgroup": "0::/\n"})
    resources = Resources(tmp_path, 0, roots)
    began = time.monotonic()
    assert resources.why_not() is None
    tree(tmp_path, {f"cgroup/{name}": text for name, text in v2(1000, 990).items()})
    at_once = resources.why_not()
    if time.monotonic() - began < 1:  # this machine may have paused
        assert at_once is None
    wait_until(resources.why_not, "the sentence")
