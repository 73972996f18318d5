"""`invoke` mode: a program that serves, its tasks, and the truth about its health."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from longshore_runtime.runners.algorithm.outcome import Reason, TaskError
from longshore_runtime.runners.algorithm.program.web_program import Invoked, WebProgram
from tests.support.programs import program, runs
from tests.support.server import PATIENCE, free_port, wait_until

NEVER = threading.Event()
Start = Callable[..., "Web"]


class Web:
    """A program that serves, and all that was said of its health."""

    def __init__(self, name: str, arguments: tuple[Path, ...], start_seconds: float, call_seconds: float):
        self.health: list[str | None] = []
        self.port = free_port()
        wanted = program(name, str(self.port), *arguments)
        self.program = WebProgram(wanted, self.port, start_seconds, call_seconds, self.health.append)

    def invoke(self, task: str = "task", seconds: float = PATIENCE, stop: threading.Event = NEVER) -> Invoked:
        return self.program.invoke(task, seconds, stop)

    def why_not(self) -> str:
        """The sentence of a start that fails."""
        with pytest.raises(TaskError) as caught:
            self.program.start()
        assert caught.value.reason is Reason.START
        return caught.value.message

    def wait_for_health(self, count: int) -> None:
        """Until it has been said so many times that it is healthy."""
        wait_until(lambda: self.health.count(None) == count, f"healthy {count} times")


@pytest.fixture
def web() -> Iterator[Start]:
    started: list[Web] = []

    def make(
        name: str,
        *arguments: Path,
        start: bool = True,
        start_seconds: float = PATIENCE,
        call_seconds: float = 10,
    ) -> Web:
        started.append(Web(name, arguments, start_seconds, call_seconds))
        if start:
            started[-1].program.start()
        return started[-1]

    yield make
    for one in started:
        one.program.stop()


def pid_of(invoked: Invoked) -> int:
    return int(invoked.last_stderr[-2].split()[-1])


def test_a_task_that_is_done_has_code_0(web: Start) -> None:
    one = web("web_works.py")
    assert one.health == [None]
    invoked = one.invoke()
    assert (invoked.code, invoked.timed_out, invoked.why) == (0, False, None)
    assert 0 < invoked.seconds < PATIENCE


def test_stderr_of_one_task_does_not_show_in_the_next_ones_result(
    web: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """System 2: it does."""
    one = web("web_works.py")
    invoked = [one.invoke(str(number)) for number in range(3)]
    pid = pid_of(invoked[0])
    for number, each in enumerate(invoked, start=1):
        assert each.last_stderr == ["working"] * 98 + [f"task {number} by {pid}", "part of a line"]
    said = [
        (record.getMessage(), record.fields["task"])  # type: ignore[attr-defined]
        for record in caplog.records
        if "task" in record.fields and record.message != "working"  # type: ignore[attr-defined]
    ]
    assert said == [
        (text, str(number))
        for number in range(3)
        for text in (f"task {number + 1} by {pid}", "part of a line")
    ]


def test_another_status_is_a_failure_of_the_task_and_not_of_the_program(web: Start) -> None:
    one = web("web_fails.py")
    for _ in range(2):
        invoked = one.invoke()
        assert (invoked.code, invoked.timed_out) == (1, False)
        assert invoked.why == "The program answered POST /invoke with status 500, not 201."
    assert one.health == [None]


def test_a_program_that_dies_of_a_task_is_not_healthy_and_started_anew(web: Start) -> None:
    """System 2: the health check of invoke mode says healthy of a dead server."""
    one = web("web_dies_of_a_task.py")
    invoked = one.invoke()
    assert (invoked.code, invoked.last_stderr) == (7, ["I cannot"])
    assert invoked.why == "The program ended with code 7 during the task."
    wait_until(lambda: one.health[1:2] == ["The program ended with code 7."], "the news")
    one.wait_for_health(2)


def test_a_program_that_is_killed_while_idle_is_not_healthy_and_started_anew(web: Start) -> None:
    one = web("web_works.py")
    pid = pid_of(one.invoke())
    os.kill(pid, signal.SIGKILL)
    one.wait_for_health(2)
    assert one.health == [None, "The program ended by SIGKILL.", None]
    again = one.invoke()
    assert again.code == 0 and again.last_stderr[-2].startswith("task 1 by") and pid_of(again) != pid


def test_a_task_past_its_time_ends_the_program_and_another_is_started(web: Start, tmp_path: Path) -> None:
    one = web("web_hangs.py", tmp_path / "been")
    invoked = one.invoke(seconds=1.5)
    assert (invoked.code, invoked.timed_out, invoked.last_stderr) == (1, True, ["hanging"])
    assert invoked.why == "The program did not answer POST /invoke within 1.5 s."
    assert not runs(int((tmp_path / "been").read_text()))
    one.wait_for_health(2)
    assert one.health == [None, f"{invoked.why} It is started anew.", None]
    assert one.invoke().code == 0


def test_a_program_that_is_busy_with_a_task_is_healthy(web: Start) -> None:
    one = web("web_is_busy.py", call_seconds=0.5)
    assert one.invoke().code == 0
    assert one.health == [None]


def test_a_program_that_hangs_while_idle_is_not_healthy_and_started_anew(web: Start, tmp_path: Path) -> None:
    one = web("web_stops_answering.py", tmp_path / "pids", call_seconds=1.5)
    wait_until(lambda: len(one.health) == 2, "the news")
    assert one.health[1] == (
        f"The program did not answer GET /health on port {one.port}: no answer within 1.5 s."
    )
    with pytest.raises(TaskError, match=r"cannot take a task\..*no answer within") as caught:
        one.invoke()
    assert caught.value.reason is Reason.START
    one.wait_for_health(2)
    first, second = map(int, (tmp_path / "pids").read_text().split())
    assert runs(second) and not runs(first)


def test_a_start_that_fails_later_is_told_and_tried_again(web: Start, tmp_path: Path) -> None:
    one = web("web_starts_every_other_time.py", tmp_path / "pids")
    os.kill(int((tmp_path / "pids").read_text()), signal.SIGKILL)
    one.wait_for_health(2)
    assert one.health == [
        None,
        "The program ended by SIGKILL.",
        "The program ended with code 5 before GET /health was answered with 200.",
        None,
    ]


def test_a_program_that_does_not_become_healthy_is_ended(
    web: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "program")
    one = web("web_is_never_healthy.py", start=False, start_seconds=1.5, call_seconds=0.7)
    assert one.why_not() == (
        "The program was not healthy 1.5 s after its start. The program answered GET /health with status 503,"
        " not 200. A call of /health may take 0.7 s."
    )
    assert not runs(int(caplog.messages[0]))
    assert None not in one.health


def test_a_program_that_ends_before_it_is_healthy(web: Start) -> None:
    assert web("/bin/false", start=False).why_not() == (
        "The program ended with code 1 before GET /health was answered with 200."
    )


def test_a_program_that_cannot_be_started(web: Start) -> None:
    assert "cannot be started: there is no such file" in web("/no/such/file", start=False).why_not()


def test_the_health_of_another_process_on_its_port_does_not_count(web: Start) -> None:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    one = web("web_works.py", start=False)
    with HTTPServer(("127.0.0.1", one.port), Healthy) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        assert one.why_not() == (
            f"The program cannot be started: another process listens on its port, {one.port}."
        )
        other.shutdown()
        thread.join()


def test_a_stop_during_a_task_ends_it(web: Start, tmp_path: Path) -> None:
    one, stop = web("web_hangs.py", tmp_path / "been"), threading.Event()

    def wait() -> None:
        wait_until((tmp_path / "been").exists, "the task to begin")
        stop.set()

    threading.Thread(target=wait).start()
    with pytest.raises(TaskError, match="The server was stopped before the task had ended") as caught:
        one.invoke(stop=stop)
    assert caught.value.reason is Reason.STOPPED
    assert not runs(int((tmp_path / "been").read_text()))
    one.program.stop()
    assert one.health == [None, "The program has been stopped."]


def test_a_stop_ends_the_program_and_what_it_works_on(web: Start, tmp_path: Path) -> None:
    one = web("web_hangs.py", tmp_path / "been")

    def wait() -> None:
        wait_until((tmp_path / "been").exists, "the task to begin")
        one.program.stop()

    thread = threading.Thread(target=wait)
    thread.start()
    with pytest.raises(TaskError, match="The server was stopped before the task had ended"):
        one.invoke()
    thread.join()
    assert not runs(int((tmp_path / "been").read_text()))
    with pytest.raises(TaskError, match=r"cannot take a task\. The program has been stopped"):
        one.invoke()


def test_a_program_that_has_not_been_started_takes_no_task(web: Start) -> None:
    with pytest.raises(TaskError, match="The program has not been started"):
        web("web_works.py", start=False).invoke()
