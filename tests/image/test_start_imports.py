"""What is imported where at the start: the start takes as long as that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import CHECKOUT, Server, environment


def test_the_supervisor_starts_gunicorn_before_it_imports_what_takes_long() -> None:
    code = "import sys, longshore_runtime.main, longshore_runtime.serving.supervisor; print(*sys.modules)"
    environ = environment(PYTHONPATH=CHECKOUT / "container")
    told = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert "longshore_runtime.serving.supervisor" in told.stdout, told.stderr
    slow = {"werkzeug", "flask", "numpy", "http.server", "http.client", "ssl", "prometheus_client"}
    assert not slow & set(told.stdout.split())


@pytest.mark.skipif(os.geteuid() != 0, reason="maps of other processes are root's to read")
@pytest.mark.parametrize(("worker_class", "shared"), [("gthread", True), ("gevent", False)])
def test_what_workers_need_of_ours_is_imported_before_the_fork(
    tmp_path: Path, worker_class: str, shared: bool
) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1, MODEL_SERVER_WORKER_CLASS=worker_class) as server:
        master = server.pids("gunicorn")[0]
        assert ("/numpy/" in Path(f"/proc/{master}/maps").read_text()) is shared
        assert server.post([[1, 2]]).json() == [3]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_garbage_collector_is_on_when_the_models_code_runs(tmp_path: Path, workers: int) -> None:
    with Server(tmp_path, "tells_if_garbage_is_collected", MODEL_SERVER_WORKERS=workers) as server:
        assert server.post({}).json() is True
