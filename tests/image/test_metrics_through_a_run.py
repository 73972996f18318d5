"""/metrics through a run: neither a death nor a reload takes anything away, and it is answered meanwhile."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longshore_runtime.serving import metrics_page
from tests.support.gated import gated
from tests.support.metrics import moved, samples
from tests.support.server import Server, wait_until

RESTARTS = 'longshore_worker_restarts_total{cause="%s"}'


def metrics_folder(server: Server) -> Path:
    (run_dir,) = server.temporary.glob("longshore-*")
    return metrics_page.folder_of(run_dir)


def test_deaths_are_counted_by_cause_and_take_no_counter_and_leave_no_gauge(tmp_path: Path) -> None:
    with Server(tmp_path, "kills_itself", MODEL_SERVER_WORKERS=1) as server:
        folder = metrics_folder(server)
        server.post({})
        files = len(list(folder.glob("*.db")))
        for number, cause in (
            (signal.SIGKILL, "signal"),
            (signal.SIGSEGV, "crash"),
            (signal.SIGKILL, "signal"),
        ):
            before = samples(server)
            assert server.post({"signal": int(number)}).status_code == 502
            moved(server, before, (RESTARTS % cause, 1), ('longshore_requests_total{status="200"}', 0))
            wait_until(lambda: server.post({}).status_code == 200, "the replacement")
        now = samples(server)
        assert now["longshore_requests_in_flight"] == 0, "that of the dead has gone with them"
        assert now['longshore_requests_total{status="200"}'] >= 4
        assert now["longshore_request_seconds_count"] == now['longshore_requests_total{status="200"}']
        assert len(list(folder.glob("*.db"))) <= files, "the files of the dead do not pile up"
        wait_until(lambda: samples(server)["longshore_workers_ready"] == 1, "its being counted")


@pytest.mark.parametrize(
    ("model", "request_body", "cause"), [("hangs", {"hang": True}, "timeout"), ("exits", {"exit": 7}, "exit")]
)
def test_a_time_out_and_an_exit_are_causes_too(
    tmp_path: Path, model: str, request_body: dict[str, int], cause: str
) -> None:
    with Server(tmp_path, model, MODEL_SERVER_WORKERS=1, MODEL_SERVER_TIMEOUT=1) as server:
        before = samples(server)
        server.hang(request_body, lambda: " died: " in server.stderr, "a worker's death")
        moved(server, before, (RESTARTS % cause, 1))


def test_every_end_of_a_worker_has_its_cause() -> None:
    def cause(code: int, timed_out: bool = False, out_of_memory: bool = False) -> str:
        return metrics_page.cause(code, timed_out=timed_out, out_of_memory=out_of_memory)

    found = {
        cause(1, timed_out=True): "timeout",
        cause(-signal.SIGKILL, out_of_memory=True): "oom",
        cause(-signal.SIGBUS): "crash",
        cause(-signal.SIGKILL): "signal",
        cause(3): "exit",
    }
    assert list(found) == list(found.values()) == list(metrics_page.CAUSES)


def test_a_reload_sets_no_counter_back_and_leaves_no_file(tmp_path: Path) -> None:
    server = Server(tmp_path, "version", MODEL_SERVER_WORKERS=2)
    (server.ml_root / "model" / "version").write_text("v1")
    with server:
        wait_until(lambda: samples(server)["longshore_workers_ready"] == 2, "both workers")
        assert [server.post({}).status_code for _ in range(8)] == [200] * 8
        folder, before = metrics_folder(server), samples(server)
        files = len(list(folder.glob("*.db")))
        for times in (1, 2):
            server.process.send_signal(signal.SIGHUP)
            wait_until(
                lambda times=times: server.stderr.count("loaded before has left") == times,
                "the old one's end",
            )
        assert server.post({}).status_code == 200
        moved(
            server,
            before,
            ('longshore_requests_total{status="200"}', 1),
            ("longshore_request_seconds_count", 1),
            ("longshore_workers_ready", 0),
            ("longshore_requests_in_flight", 0),
            *((RESTARTS % cause, 0) for cause in metrics_page.CAUSES),
        )
        assert len(list(folder.glob("*.db"))) <= files
        assert samples(server)["longshore_model_load_seconds"] > 0


def test_the_load_of_a_model_is_told_where_the_master_loads_it(tmp_path: Path) -> None:
    with Server(tmp_path, "loads_for_a_moment", MODEL_SERVER_WORKERS=2) as server:
        seconds = samples(server)["longshore_model_load_seconds"]
        assert seconds >= 0.2
        assert f"the model is loaded once for 2 workers, in {seconds:.2f} s" in server.stderr


def test_metrics_are_answered_while_every_worker_holds_the_interpreter(tmp_path: Path) -> None:
    with Server(tmp_path, "hangs_holding_the_gil", MODEL_SERVER_WORKERS=2) as server:
        wait_until(lambda: samples(server)["longshore_workers_ready"] == 2, "both workers")
        before = samples(server)
        with ThreadPoolExecutor() as pool:
            hung = [pool.submit(server.post, {"hang": True}) for _ in range(2)]
            moved(server, before, ("longshore_requests_in_flight", 2))
            assert samples(server)["longshore_workers_ready"] == 2
            assert not any(request.done() for request in hung)
            for pid in server.workers():
                os.kill(pid, signal.SIGKILL)


def test_metrics_are_answered_while_the_server_stops(tmp_path: Path) -> None:
    with gated(tmp_path) as one:
        stuck = one.stuck()
        one.server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: one.server.ping() == 503, "/ping saying 503")
        assert samples(one.server)["longshore_requests_in_flight"] == 1
        one.open()
        assert stuck.result().status_code == 200
