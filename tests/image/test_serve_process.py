"""serve as a process: its streams, its temporary folder, what it starts and what is left of that."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import CHECKOUT, Server, alive, wait_until


def test_the_access_log_is_written_where_stdout_is_a_socket(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, Server(tmp_path, "rowsum", stdout=theirs.fileno(), MODEL_SERVER_WORKERS=1) as server:
        theirs.close()
        server.post(b"1,1\n", "text/csv", X_Amzn_SageMaker_Inference_Id="by-socket")
        ours.settimeout(30)
        received = b""
        while b"by-socket" not in received:
            chunk = ours.recv(65536)
            assert chunk, "stdout was closed before the line came"
            received += chunk


def test_a_temporary_folder_closed_to_others_is_no_obstacle(tmp_path: Path, short_folder: Path) -> None:
    """As root, nginx's workers would become another user, who could not enter it: so they stay root."""
    assert short_folder.stat().st_mode & 0o777 == 0o700
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1, TMPDIR=short_folder) as server:
        assert server.post(b"1,2\n" * 100_000, "text/csv").status_code == 200, "a body that needs a file"


def test_a_file_that_takes_both_streams_loses_no_line(tmp_path: Path) -> None:
    """`serve > FILE 2>&1`, which does not ask for appending."""
    both = (tmp_path / "both").open("wb")
    stream = both.fileno()
    server = Server(tmp_path, "rowsum", stdout=stream, stderr=stream, MODEL_SERVER_WORKERS=1)
    with both, server:
        for number in range(20):
            server.post(b"1,1\n", "text/csv", X_Amzn_SageMaker_Inference_Id=f"request-{number}")
    lines = [json.loads(line) for line in (tmp_path / "both").read_text().splitlines()]
    answered = {line["request_id"] for line in lines if line["logger"] == "access" and line["status"] == 200}
    assert answered == {f"request-{number}" for number in range(20)}
    assert lines[-1]["message"] == "stopped, exit code 0"


def test_an_idle_supervisor_leaves_nothing_behind(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server:
        pids = [*server.pids("nginx"), *server.pids("gunicorn")]
        assert len(pids) >= 4
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        assert list(server.temporary.iterdir()) == []
        wait_until(lambda: not [pid for pid in pids if alive(pid)], "the end of all")


def test_a_killed_supervisor_takes_its_children_along(tmp_path: Path) -> None:
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server:
        pids = [*server.pids("nginx"), *server.pids("gunicorn")]
        server.process.kill()
        server.process.wait()
        wait_until(lambda: not [pid for pid in pids if alive(pid)], "the children's end")


def test_what_serve_starts_shares_its_session_and_not_its_process_group(tmp_path: Path) -> None:
    """The kernel would schedule each session by itself; Ctrl-C goes to serve's own process group alone."""
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1) as server:
        serve, pids = server.process.pid, [*server.pids("nginx"), *server.pids("gunicorn")]
        assert {os.getsid(pid) for pid in pids} == {os.getsid(serve)}
        groups = {os.getpgid(pid) for pid in pids}
        assert len(groups) == 2
        assert os.getpgid(serve) not in groups


def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path) -> None:
    first = Server(tmp_path / "one", "rowsum", MODEL_SERVER_WORKERS=1)
    second = Server(tmp_path / "two", "rowsum", wait=False, SAGEMAKER_BIND_TO_PORT=first.port)
    with first, second:
        assert second.wait_exit() == 2
        assert f"SAGEMAKER_BIND_TO_PORT: cannot listen on 127.0.0.1:{first.port}" in second.stderr


def test_a_tmpdir_too_long_for_sockets_is_said(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    with Server(tmp_path, "rowsum", wait=False, TMPDIR=deep) as server:
        assert server.wait_exit() == 2
        assert server.stderr.startswith("serve: TMPDIR: ")


def test_serve_needs_the_python_of_the_environment_only(tmp_path: Path) -> None:
    """Started by path from any folder, with nothing of the checkout on PYTHONPATH."""
    command = (sys.executable, str(CHECKOUT / "container" / "serve"))
    with Server(tmp_path, "rowsum", command=command, PYTHONPATH="", MODEL_SERVER_WORKERS=1) as server:
        assert server.post(b"1,2\n", "text/csv").text == "3.0\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="the environment of another user's processes is root's to read")
def test_nginx_has_no_secrets_in_its_environment(tmp_path: Path) -> None:
    """Its workers run as a user whose processes can read it."""
    secrets: dict[str, Any] = {"AWS_SECRET_ACCESS_KEY": "secret-key", "TOKEN": "secret-token"}
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1, **secrets) as server:
        for pid in server.pids("nginx"):
            assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="to become another user is root's")
@pytest.mark.parametrize("runner", ["model", "algorithm"])
def test_no_other_user_can_connect_to_a_socket_of_the_server(tmp_path: Path, runner: str) -> None:
    """Neither to a worker's, past nginx and the headers that it sets, nor to those of /ping and /metrics."""
    as_program = {"ALGORITHM_COMMAND": "true", "GRAND_CHALLENGE_S3_ENDPOINT_URL": "http://127.0.0.1:1"}
    variables: dict[str, Any] = {} if runner == "model" else {"RUNNER": "algorithm", **as_program}
    with Server(tmp_path, "rowsum", MODEL_SERVER_WORKERS=1, **variables) as server:
        sockets = sorted(map(str, server.temporary.glob("longshore-*/**/*.sock")))
        names = {path.rpartition("/")[2] for path in sockets}
        assert names >= {"0.sock", "predictor.sock", "health.sock", "metrics.sock", "events.sock"}
        attempt = (
            "import os, socket, sys\n"
            "os.setgroups([]); os.setgid(12345); os.setuid(12345)\n"
            "for path in sys.argv[1:]:\n"
            "    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n"
            "        try: socket.socket(socket.AF_UNIX, kind).connect(path)\n"
            "        except PermissionError: continue\n"
            "        print(path)\n"
        )
        told = subprocess.run([sys.executable, "-c", attempt, *sockets], capture_output=True, text=True)
        assert (told.stdout, told.stderr) == ("", "")
        assert server.get("/execution-parameters").status_code in (200, 404), "nginx can"
