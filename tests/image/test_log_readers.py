"""Readers of stdout and stderr that stall or go: nothing waits for them, and lost lines are counted."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import tty
from pathlib import Path
from typing import Any

import pytest

from longshore_runtime.serving.pump import Pump, Sink, Source
from tests.support.metrics import samples
from tests.support.server import SERVE, Server, wait_until

FLOOD = {"print": "x" * 1000, "times": 10_000}  # more than a pipe and the buffer hold


def read_until(descriptor: int, wanted: bytes) -> bytes:
    """Read until this has come."""
    found = b""

    def come() -> bool:
        nonlocal found
        while wanted not in found and select.select([descriptor], [], [], 0)[0]:
            found += os.read(descriptor, 1 << 16)
        return wanted in found

    wait_until(come, f"{wanted!r}", seen=lambda: found[-2000:].decode(errors="replace"))
    return found


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_stalls_stops_no_request(tmp_path: Path, stream: str) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    streams: dict[str, Any] = {stream: writing}
    with Server(tmp_path, "prints", MODEL_SERVER_WORKERS=1, **streams) as server:
        os.close(writing)
        for _ in range(3):
            assert server.post({**FLOOD, "to": stream}).status_code == 200
        wait_until(lambda: samples(server)["longshore_log_lines_dropped_total"], "lines that were dropped")
        assert {server.post({"print": ""}).status_code for _ in range(20)} == {200}
        assert {server.ping() for _ in range(20)} == {200}
        reported = f"{stream} takes lines again: dropped"
        found = b""

        def said() -> bool:
            """Read all there is: the line about it comes when everything that waits has been written."""
            nonlocal found
            while select.select([reading], [], [], 0)[0]:
                found += os.read(reading, 1 << 16)
            return reported in (found.decode() if stream == "stderr" else server.stderr)

        wait_until(said, "the line about it")
        assert stream == "stderr" or b'"access"' in found
        os.close(reading)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_has_gone_stops_no_request(tmp_path: Path, stream: str) -> None:
    reading, writing = os.pipe()
    streams: dict[str, Any] = {stream: writing}
    with Server(tmp_path, "prints", MODEL_SERVER_WORKERS=1, **streams) as server:
        os.close(writing)
        os.close(reading)
        server.post({"print": "lost"})
        wait_until(lambda: server.post({"print": ""}).status_code == 200, "an answer")
        if stream == "stdout":
            wait_until(lambda: samples(server)["longshore_log_lines_dropped_total"], "dropped lines")
            said = "stdout takes no lines (Broken pipe): dropping them"
            wait_until(lambda: said in server.stderr, "the line about it")
        server.process.terminate()
        assert server.wait_exit() == 0


def test_a_stalled_reader_delays_no_exit(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with Server(tmp_path, "prints", stdout=writing, MODEL_SERVER_WORKERS=1) as server:
        os.close(writing)
        server.post(FLOOD)
        server.process.terminate()
        assert server.wait_exit() == 0
        os.close(reading)


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/null 2>&1"])
def test_a_closed_stream_is_no_obstacle(tmp_path: Path, redirection: str) -> None:
    command = ("/bin/sh", "-c", f'exec "$0" {redirection}', str(SERVE))
    with Server(tmp_path, "prints", command=command, MODEL_SERVER_WORKERS=1) as server:
        assert server.post({"print": "nowhere"}).json() is True
        server.process.terminate()
        assert server.wait_exit() == 0
        if redirection == ">&-":
            assert server.log()[-1]["message"] == "stopped, exit code 0"


def test_a_terminal_gets_both_streams_in_their_order_and_each_line_at_once(tmp_path: Path) -> None:
    """`docker run -t`: what the model prints is not kept back until there are 8 KB of it."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    with Server(tmp_path, "prints", stdout=theirs, stderr=theirs, MODEL_SERVER_WORKERS=1) as server:
        os.close(theirs)
        seen = b""
        for number in range(5):
            server.post({"print": f"printed {number}"})
            seen += read_until(ours, f"printed {number}\n".encode())
        server.process.terminate()
        seen += read_until(ours, b"stopped, exit code 0")
        assert seen.count(b'"logger":"access"') >= 5
        assert server.wait_exit() == 0
    os.close(ours)


def test_the_end_of_a_line_is_not_waited_for_forever(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with Server(tmp_path, "prints", stdout=writing, MODEL_SERVER_WORKERS=1) as server:
        os.close(writing)
        server.post({"print": "no end", "end": "", "flush": True})
        read_until(reading, b"no end")
        long = "y" * 3_000_000
        server.post({"print": long})
        assert long.encode() in read_until(reading, b"y\n").replace(b"\n", b"")
    os.close(reading)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_is_written_in_one_piece(tmp_path: Path, stream: str) -> None:
    """The image sets PYTHONUNBUFFERED, and Python would write each argument of a print alone."""
    reading, writing = os.pipe()
    with Server(
        tmp_path, "prints", stdout=writing, stderr=writing, PYTHONUNBUFFERED="1", MODEL_SERVER_WORKERS=1
    ) as server:
        os.close(writing)
        server.post({"print": "begin,", "end": "", "to": stream})
        seen = read_until(reading, b'"logger":"access"')
        server.post({"print": "end", "to": stream})
        seen += read_until(reading, b"end\n")
        assert b"\nbegin,end\n" in seen
    os.close(reading)


def test_everything_written_before_the_end_is_passed_on(tmp_path: Path) -> None:
    with Server(tmp_path, "prints", MODEL_SERVER_WORKERS=1) as server:
        server.post({"print": "the last line", "times": 20_000})
        server.process.terminate()
        assert server.wait_exit() == 0
        assert server.stdout.count("the last line\n") == 20_000
        assert server.log()[-1]["message"] == "stopped, exit code 0"


def test_a_sink_that_does_not_block_is_waited_for() -> None:
    """The parent process has set O_NONBLOCK on a description that both share."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    source = Source(Sink(writing, "stdout"))
    pump = Pump([source])
    lines = b"".join(b"%d\n" % number for number in range(100_000))
    os.set_blocking(source.writing, True)
    assert os.write(source.writing, lines) == len(lines)
    assert read_until(reading, b"\n99999\n") == lines
    assert pump.end(10) and pump.dropped == 0
    for descriptor in (reading, writing, source.reading, source.writing):
        os.close(descriptor)
