"""A program as a child process: its deadline, and what is left of it, which is nothing."""

from __future__ import annotations

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.runners.algorithm.program.output import Lines
from longshore_runtime.runners.algorithm.program.process import Ended, Process, Program, how_it_ended, run
from longshore_runtime.runners.algorithm.program.users import Identity
from tests.support.programs import as_root_in_a_container, program, runs
from tests.support.server import PATIENCE, steady, wait_until

NEVER = threading.Event()
# Both ways in which a program is started: at once, and by way of the one that sets the limit.
both_ways = pytest.mark.parametrize("memory_mb", [None, 300])
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    caplog.set_level("INFO", "program")
    return Lines("task")


def stdout(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "program"]


def stop_after_a_line(caplog: pytest.LogCaptureFixture) -> threading.Event:
    """Set once the program has written something."""
    stop = threading.Event()

    def wait() -> None:
        wait_until(lambda: stdout(caplog), "a line")
        stop.set()

    threading.Thread(target=wait).start()
    return stop


def told(wanted: Program, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """What tells_what_it_got.py says when it runs so."""
    caplog.set_level("INFO", "program")
    assert run(wanted, PATIENCE, NEVER, Lines(None)).code == 0
    text: dict[str, Any] = json.loads("".join(stdout(caplog)))
    return text


@pytest.mark.parametrize("code", [0, 3, 255])
@both_ways
def test_its_exit_code_is_reported(code: int, memory_mb: int | None, lines: Lines) -> None:
    ended = run(program("/bin/sh", "-c", f"exit {code}", memory_mb=memory_mb), PATIENCE, NEVER, lines)
    assert (ended.code, ended.timed_out, ended.stopped) == (code, False, False)
    assert 0 < ended.seconds < PATIENCE


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGKILL, "by SIGKILL"), (signal.SIGSEGV, "by SIGSEGV"), (40, "by signal 40")],
)
def test_a_signal_that_ended_it_is_its_code_negative(number: int, words: str, lines: Lines) -> None:
    ended = run(program("/bin/sh", "-c", f"kill -{int(number)} $$"), PATIENCE, NEVER, lines)
    assert ended.code == -number
    assert how_it_ended(ended.code) == words


def test_what_ignores_sigterm_is_killed_after_the_grace_and_its_children_too(
    lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    ended = run(program("ignores_sigterm.sh"), 1.5, NEVER, lines)
    assert (ended.code, ended.timed_out, ended.stopped) == (-signal.SIGKILL, True, False)
    pids = [int(pid) for pid in stdout(caplog)[0].split()]
    assert len(pids) == 2 and not any(map(runs, pids))


def test_what_saves_at_sigterm_has_the_grace_though_its_shell_has_died(
    lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    stop = stop_after_a_line(caplog)
    ended = run(program("saves_when_stopped.sh", grace=PATIENCE), PATIENCE, stop, lines)
    assert (ended.code, ended.stopped) == (-signal.SIGTERM, True)
    assert stdout(caplog)[-1] == "saved"
    assert ended.seconds < PATIENCE  # nobody waits for the rest of the grace


def test_a_stop_ends_it(lines: Lines) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    ended = run(program("/bin/sleep", "300"), PATIENCE, stop, lines)
    assert (ended.code, ended.timed_out, ended.stopped) == (-signal.SIGTERM, False, True)


def test_a_grandchild_does_not_outlive_the_task(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    assert run(program("leaves_a_grandchild.sh"), PATIENCE, NEVER, lines).code == 3
    assert not runs(int(stdout(caplog)[0]))


@pytest.mark.parametrize("way", ["ends", "goes-on"])
def test_a_daemon_in_its_own_session_does_not_outlive_the_task(
    way: str, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    stop = NEVER if way == "ends" else stop_after_a_line(caplog)
    assert run(program("leaves_a_daemon.py", way), PATIENCE, stop, lines).stopped == (way == "goes-on")
    assert not runs(int(stdout(caplog)[0]))


def test_a_daemon_that_is_always_another_process_is_caught(tmp_path: Path, lines: Lines) -> None:
    pids = tmp_path / "pids"
    run(program("leaves_a_daemon_that_moves_on.py", pids), PATIENCE, NEVER, lines)
    before = pids.read_text()
    assert before and not any(runs(int(pid)) for pid in before.split())
    assert pids.read_text() == before


def test_a_daemon_that_hides_and_holds_the_pipe_holds_nobody_up(
    tmp_path: Path, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "pid"
    try:
        assert run(program("leaves_a_daemon_that_hides.sh", file), PATIENCE, NEVER, lines).code == 0
        assert stdout(caplog) == ["the end"]
        assert runs(int(file.read_text())), "it does not hide, so this test shows nothing"
    finally:
        os.kill(int(file.read_text()), signal.SIGKILL)


@as_root
def test_a_daemon_of_another_user_is_found_by_root_as_containers_have_it() -> None:
    """Such a root may not read the environment of another user's process."""
    printed = as_root_in_a_container(
        """
        import logging, threading
        from pathlib import Path
        from longshore_runtime import logs
        from longshore_runtime.runners.algorithm.program.output import Lines
        from longshore_runtime.runners.algorithm.program.process import run
        from longshore_runtime.runners.algorithm.program.users import Identity
        from tests.support.programs import program, runs

        seen = []
        class Handler(logging.Handler):
            def emit(self, record):
                seen.append(record.getMessage())
        logs.root.setLevel("INFO")
        logs.root.addHandler(Handler())
        shell = "setsid sleep 300 & echo $!; sleep 0.5"
        wanted = program("/bin/sh", "-c", shell, identity=Identity(uid=65534, gid=65534, groups=()))
        run(wanted, 60, threading.Event(), Lines(None))
        ours = Path("/proc/thread-self/status").read_text().split("Uid:")[1].split()
        print(len(seen), runs(int(seen[0])), ours[3])
        """,
    )
    assert printed.split() == ["1", "False", "0"]  # the last: this thread is root again


def test_many_run_at_once_and_each_gets_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "program")

    def one(number: int) -> Ended:
        script = f"sleep 0.{number % 3}; echo {number}; exit {number}"
        memory_mb = 300 if number % 2 else None
        wanted = program("/bin/sh", "-c", script, memory_mb=memory_mb)
        return run(wanted, PATIENCE, NEVER, Lines(str(number)))

    with ThreadPoolExecutor(16) as pool:
        assert [ended.code for ended in pool.map(one, range(40))] == list(range(40))
    said = {record.fields["task"]: record.getMessage() for record in caplog.records}  # type: ignore[attr-defined]
    assert said == {str(number): str(number) for number in range(40)}


@both_ways
def test_it_gets_exactly_what_it_is_given(
    memory_mb: int | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = ["", "two words", "new\nline", "caf\udce9", "$HOME;`id`", "-x"]
    wanted = program("tells_what_it_got.py", *arguments, memory_mb=memory_mb, folder=tmp_path, A="caf\udce9")
    got = told(wanted, caplog)
    assert got["arguments"] == arguments
    run_id = got["environ"].pop("LONGSHORE_RUN")
    assert got["environ"] == wanted.environ and len(run_id) == 32
    assert got["folder"] == str(tmp_path)
    assert got["stdin"] == ["/dev/null", ""]


@both_ways
def test_it_inherits_neither_descriptors_nor_signals(
    memory_mb: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    ours = os.dup(0)
    os.set_inheritable(ours, True)
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        got = told(program("tells_what_it_got.py", memory_mb=memory_mb), caplog)
        assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())  # as it was
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
        os.close(ours)
    assert got["descriptors"] == [0, 1, 2, 3]  # 3 is that of the listing
    assert got["blocked"] == []
    assert got["leads_its_session"]


@both_ways
def test_no_signal_is_ignored_in_it(
    memory_mb: int | None, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    """Python ignores SIGPIPE, and what a process ignores its child ignores."""
    run(program("/bin/cat", "/proc/self/status", memory_mb=memory_mb), PATIENCE, NEVER, lines)
    ignored = next(line for line in stdout(caplog) if line.startswith("SigIgn:"))
    assert not int(ignored.split()[1], 16) & 1 << (signal.SIGPIPE - 1)


@pytest.mark.parametrize(("memory_mb", "code"), [(None, 0), (2000, 0), (200, 1)])
def test_each_of_its_processes_has_no_more_memory_than_allowed(
    memory_mb: int | None, code: int, lines: Lines
) -> None:
    assert run(program("takes_memory.py", memory_mb=memory_mb), PATIENCE, NEVER, lines).code == code
    assert ("MemoryError" in lines.last_stderr) == bool(code)


@as_root
@both_ways
def test_it_becomes_the_user_and_has_its_groups_and_home(
    memory_mb: int | None, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    identity = Identity(uid=12345, gid=23456, groups=(23456, 34567), home="/home/of-it")
    command = 'id -u; id -g; id -G; echo "$HOME"'
    run(program("sh", "-c", command, identity=identity, memory_mb=memory_mb), PATIENCE, NEVER, lines)
    assert stdout(caplog) == ["12345", "23456", "23456 34567", "/home/of-it"]


@as_root
@both_ways
def test_no_groups_at_all_takes_away_those_of_root(
    memory_mb: int | None, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    identity = Identity(uid=12345, gid=23456, groups=())
    run(program("/usr/bin/id", "-G", identity=identity, memory_mb=memory_mb), PATIENCE, NEVER, lines)
    assert stdout(caplog) == ["23456"]


def test_its_end_can_be_waited_for_and_finishing_twice_is_once(lines: Lines) -> None:
    process = Process(program("/bin/sleep", "300"), lines)
    assert process.wait(0.1) is None
    process.stop()
    assert process.wait(None) == -signal.SIGTERM
    process.finish()
    process.finish()
    process.stop()
    with pytest.raises(ChildProcessError):  # no zombie is left
        os.waitpid(process.pid, os.WNOHANG)


def test_no_threads_and_no_descriptors_are_left(lines: Lines) -> None:
    def held() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    before = steady(held)
    for memory_mb in (None, 300):
        run(program("/bin/true", memory_mb=memory_mb), PATIENCE, NEVER, lines)
    wait_until(lambda: held() == before, f"{before}")
