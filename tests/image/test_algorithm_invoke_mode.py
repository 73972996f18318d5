"""invoke mode through a real serve: /ping tells the truth about the program, whatever becomes of it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import PROGRAMS, runs
from tests.support.s3 import S3Server
from tests.support.server import Server, free_port, wait_until
from tests.support.tasks import OUTPUTS, is_empty, lines, metric, serve, stored, task, two_buckets

# Runs each task's script. Arguments: its port, a file without which it is not healthy, the input folder.
# Its starts are told by their pids in a file beside the second.
PROGRAM = f"""
import os, pathlib, subprocess, sys
sys.path.insert(0, {str(PROGRAMS)!r})
from web_server import serve
gate = pathlib.Path(sys.argv[2])
with gate.with_name("pids").open("a") as file:
    print(os.getpid(), file=file)
def invoke():
    done = subprocess.run(["/bin/sh", sys.argv[3] + "/program.sh"])
    return 201 if done.returncode == 0 else 500
serve(lambda: 200 if gate.exists() else 503, invoke)
"""


class Invoked:
    """serve in invoke mode, and what its program depends on."""

    def __init__(self, folder: Path, s3: S3Server) -> None:
        self.gate, self._pids = folder / "gate", folder / "pids"
        port = free_port()
        argv = [sys.executable, "-c", PROGRAM, str(port), str(self.gate), "{input}"]
        self.server = serve(
            folder,
            s3,
            wait=False,
            ALGORITHM_COMMAND=json.dumps(argv),
            ALGORITHM_API_METHOD="invoke",
            ALGORITHM_WEBSERVER_PORT=port,
            ALGORITHM_INPUT_PATH=folder / "in",
            ALGORITHM_OUTPUT_PATH=folder / "out",
        )

    @property
    def starts(self) -> list[int]:
        """The pids of the program so far."""
        return [int(pid) for pid in lines(self._pids)]

    def why_not(self) -> str:
        """The reason that /ping gives, "" where it says 200."""
        response = self.server.get("/ping")
        return "" if response.status_code == 200 else str(response.json()["detail"])


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with two_buckets(tmp_path_factory.mktemp("invoke-mode")) as running:
        yield running


@pytest.fixture(scope="module")
def invoked(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Invoked]:
    running = Invoked(tmp_path_factory.mktemp("invoked"), s3)
    running.gate.touch()
    with running.server as server:
        server.wait_ready()
        yield running


@pytest.fixture
def server(invoked: Invoked) -> Server:
    invoked.server.wait_ready()  # the test before may have ended the program
    return invoked.server


def result(server: Server, s3: S3Server, given: dict[str, Any]) -> dict[str, Any]:
    response = server.post(given)
    assert response.status_code == 200, response.text
    assert stored(s3, given["output_prefix"]) == response.json()
    return dict(response.json())


def test_ping_is_healthy_when_the_program_is_and_the_program_ends_with_serve(
    s3: S3Server, tmp_path: Path
) -> None:
    mine = Invoked(tmp_path / "mine", s3)
    with mine.server as server:
        wait_until(lambda: mine.starts, "the program's start")
        assert mine.why_not() == "No worker has loaded the model yet."
        mine.gate.touch()
        server.wait_ready()
        (pid,) = mine.starts
        assert runs(pid)
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_exit() == 0
        assert not runs(pid)
    assert is_empty(tmp_path / "mine" / "work")


def test_one_program_does_all_tasks_and_each_gets_its_own_lines(
    invoked: Invoked, server: Server, s3: S3Server
) -> None:
    script = """
        echo {0} >&2; printf 'part of a line' >&2
        echo "0.{0} text {0}" > "$ALGORITHM_PROGRESS"
        cat "$ALGORITHM_INPUT/program.sh" > "$ALGORITHM_OUTPUT/copy-{0}"
    """
    starts = invoked.starts
    for number in (1, 2):
        name = f"own-lines-{number}"
        done = result(server, s3, task(s3, name, script.format(number)))
        assert (done["reason"], done["return_code"]) == ("ok", 0)
        assert done["user_process_last_stderr_lines"] == [str(number), "part of a line"]
        assert done["progress"] == {"fraction": number / 10, "text": f"text {number}"}
        assert (done["exec_duration"], done["invoke_duration"][:2]) == (None, "PT")
        assert [output["relative_path"] for output in done["outputs"]] == [f"copy-{number}"]
        assert s3.get(OUTPUTS, f"{name}/copy-{number}") == script.format(number).encode()
        logged = [line for line in server.log() if line.get("task") == name and line["logger"] == "program"]
        assert [line["message"] for line in logged] == [str(number), "part of a line"]
    assert invoked.starts == starts
    assert done["progress"]["fraction"] == metric(server, 'longshore_task_progress{place="0"}')


def test_a_task_that_tells_no_progress_has_none_of_the_last_ones(server: Server, s3: S3Server) -> None:
    told = task(s3, "tells-progress", 'echo "0.9 x" > "$ALGORITHM_PROGRESS"')
    assert result(server, s3, told)["progress"] == {"fraction": 0.9, "text": "x"}
    assert result(server, s3, task(s3, "tells-none"))["progress"] is None
    assert metric(server, 'longshore_task_progress{place="0"}') == 0


def test_a_progress_file_of_another_kind_is_no_failure(server: Server, s3: S3Server) -> None:
    makes = 'rm -f "$ALGORITHM_PROGRESS"; mkdir "$ALGORITHM_PROGRESS"'
    assert result(server, s3, task(s3, "makes-a-folder", makes))["reason"] == "ok"
    assert result(server, s3, task(s3, "after-the-folder"))["reason"] == "ok"


def test_an_answer_other_than_201_is_a_failed_task_of_a_healthy_program(
    invoked: Invoked, server: Server, s3: S3Server
) -> None:
    failed = result(server, s3, task(s3, "fails", "echo why >&2; exit 3"))
    assert (failed["reason"], failed["return_code"], failed["outputs"]) == ("exit", 1, [])
    assert "status 500, not 201" in failed["user_safe_error_message"]
    assert failed["user_process_last_stderr_lines"] == ["why"]
    assert invoked.why_not() == ""


def test_a_dead_program_is_told_by_ping_until_another_one_is_healthy(
    invoked: Invoked, server: Server, s3: S3Server
) -> None:
    before = invoked.starts
    script = f"echo dying >&2; rm '{invoked.gate}'; kill -KILL $PPID"
    done = result(server, s3, task(s3, "dies", script))
    assert (done["reason"], done["return_code"]) == ("exit", -signal.SIGKILL)
    assert "ended by SIGKILL during the task" in done["user_safe_error_message"]
    assert done["user_process_last_stderr_lines"] == ["dying"]
    assert "The program ended by SIGKILL." in wait_until(invoked.why_not, "/ping saying why not")
    wait_until(lambda: len(invoked.starts) == len(before) + 1, "another start")
    refused = result(server, s3, task(s3, "while-it-is-dead"))
    assert (refused["reason"], refused["return_code"]) == ("start", 1)
    assert "cannot take a task" in refused["user_safe_error_message"]
    invoked.gate.touch()
    server.wait_ready()
    assert result(server, s3, task(s3, "while-it-is-dead"))["reason"] == "ok"


def test_a_program_that_says_it_is_ill_is_told_by_ping_until_it_is_well(
    invoked: Invoked, server: Server
) -> None:
    invoked.gate.unlink()
    assert "status 503, not 200" in wait_until(invoked.why_not, "/ping saying why not")
    invoked.gate.touch()
    server.wait_ready()


def test_a_task_that_outlasts_its_time_ends_the_program_and_the_next_one_is_done(
    invoked: Invoked, server: Server, s3: S3Server
) -> None:
    before = invoked.starts
    child = invoked.gate.with_name("child")
    given = task(s3, "too-long", f"echo begun >&2; sleep 300 & echo $! > '{child}'; wait", timeout=3)
    done = result(server, s3, given)
    assert (done["reason"], done["return_code"]) == ("timeout", 1)
    assert done["user_process_last_stderr_lines"] == ["begun"]
    assert not runs(int(child.read_text()))
    assert not runs(before[-1])
    server.wait_ready()
    after = result(server, s3, task(s3, "after-it"))
    assert (after["reason"], after["user_process_last_stderr_lines"]) == ("ok", [])
    assert len(invoked.starts) == len(before) + 1
