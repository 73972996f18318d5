"""What a program writes: each line one JSON log line, any bytes, any length, any amount."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from longshore_runtime import logs
from longshore_runtime.logs import JsonFormatter
from longshore_runtime.runners.algorithm.program.output import Lines
from longshore_runtime.runners.algorithm.program.process import Process, run
from tests.support.programs import in_python, program
from tests.support.server import PATIENCE, wait_until

NEVER = threading.Event()


class Log(logging.Handler):
    """The lines as they are logged, in JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        assert "\n" not in text and text.isascii()
        self.lines.append(json.loads(text))

    def of(self, source: str) -> list[object]:
        return [line["message"] for line in self.lines if line["source"] == source]


@pytest.fixture
def log() -> Iterator[Log]:
    handler, logger = Log(), logs.get("program")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield handler
    logger.propagate = True
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def ran(name: str, lines: Lines, *arguments: str) -> int:
    return run(program(name, *arguments), PATIENCE, NEVER, lines).code


def test_stdout_and_stderr_are_told_apart_and_the_task_is_named(log: Log) -> None:
    ran("/bin/sh", Lines("task 1"), "-c", "echo out; echo err >&2")
    told = sorted((line["message"], line["source"], line["task"], line["level"]) for line in log.lines)
    assert told == [("err", "stderr", "task 1", "WARNING"), ("out", "stdout", "task 1", "INFO")]
    assert set(log.lines[0]) == {"time", "level", "logger", "pid", "source", "task", "message"}
    assert log.lines[0]["logger"] == "program"


def test_bytes_that_are_no_utf8_and_control_characters_survive(log: Log) -> None:
    """System 2: non-UTF-8 on stdout is a bare 500 and no result file."""
    assert ran("writes_any_bytes.sh", Lines(None)) == 0
    assert log.of("stdout") == ["caf\\xe9", "nul\0bell\a", "windows", "", "unfinished"]


def test_a_line_of_any_length_is_logged_in_pieces_between_characters(log: Log) -> None:
    lines = Lines(None)
    assert ran("writes_long_lines.py", lines) == 0
    *pieces, last, short = log.lines
    assert "".join(str(line["message"]) for line in (*pieces, last)) == "x" + "é" * 100_000
    assert len(pieces) == 6 and all(piece["continued"] is True for piece in pieces)
    assert "continued" not in last and "continued" not in short
    assert lines.last_stderr == ["x" + "é" * 999, "short"]


def test_of_a_progress_bar_the_last_is_logged(log: Log) -> None:
    assert ran("draws_a_progress_bar.sh", Lines(None)) == 0
    assert log.of("stdout") == ["all", "done"]


def test_only_the_last_hundred_lines_of_stderr_are_kept_and_1000_characters_of_each(log: Log) -> None:
    lines = Lines(None)
    assert ran("writes_many_lines_of_stderr.sh", lines) == 0
    assert lines.last_stderr == [*(f"line {number}" for number in range(51, 150)), "0" * 1000]
    assert len(log.of("stderr")) == 150


def test_what_comes_after_stdout_was_closed_is_read(log: Log) -> None:
    lines = Lines(None)
    assert ran("closes_stdout.sh", lines) == 4
    assert lines.last_stderr == ["still here"]


def test_all_that_was_written_before_a_violent_end_is_there(log: Log) -> None:
    count = 3000  # fits into the pipe
    command = f"i=0; while [ $i -lt {count} ]; do echo $i; i=$((i + 1)); done; kill -9 $$"
    assert ran("/bin/sh", Lines(None), "-c", command) == -signal.SIGKILL
    assert log.of("stdout") == [str(number) for number in range(count)]


def test_a_flood_fills_no_memory_and_holds_nobody_up() -> None:
    """In a process of its own, whose memory is measured, with the log as it is in service."""
    code = f"""
        import resource, threading
        from pathlib import Path
        from longshore_runtime import logs
        from longshore_runtime.runners.algorithm.program.output import Lines
        from longshore_runtime.runners.algorithm.program.process import run
        from tests.support.programs import program
        from tests.support.server import wait_until

        def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        def read(): return int(Path("/proc/self/io").read_text().split()[1]) >> 20
        def wait():
            wait_until(lambda: read() - before_read > 100, "a flood")
            stop.set()

        logs.configure(20)
        stop, lines = threading.Event(), Lines(None)
        before, before_read = most(), read()
        threading.Thread(target=wait).start()
        ended = run(program("floods.py"), {PATIENCE}, stop, lines)
        print(ended.stopped, len(lines.last_stderr) <= 100, most() - before)
    """
    stopped, kept, megabytes = in_python(code).split()
    assert (stopped, kept) == ("True", "True")
    assert int(megabytes) < 30


def test_lines_belong_to_the_task_in_whose_time_they_were_written(log: Log, tmp_path: Path) -> None:
    """System 2: stderr of one task shows in the next one's result."""
    go = tmp_path / "go"
    os.mkfifo(go)
    script = f"printf 'before\\nunfinished' >&2; read line < {go}; echo after >&2; sleep 300"
    lines = Lines(None)
    process = Process(program("/bin/sh", "-c", script), lines)
    try:
        wait_until(lambda: lines.last_stderr, "the first line")
        lines.begin("second")
        assert lines.last_stderr == []
        go.write_text("go\n")
        wait_until(lambda: lines.last_stderr, "the second line")
        assert lines.last_stderr == ["after"]
    finally:
        process.stop()
        process.finish()
    told = [(line["message"], line.get("task")) for line in log.lines]
    assert told == [("before", None), ("unfinished", None), ("after", "second")]


def test_lines_can_read_one_program_after_another(log: Log) -> None:
    lines = Lines(None)
    assert [ran("/bin/sh", lines, "-c", f"echo {number} >&2") for number in range(3)] == [0, 0, 0]
    assert lines.last_stderr == ["0", "1", "2"]
