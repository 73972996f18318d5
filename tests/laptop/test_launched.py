"""A container of the emulator's that is taken away: what it wrote before is kept."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace
from typing import Any

from longshore.emulator.containers import Launched
from longshore.engines.base import Line
from tests.support.engines import Machine


def test_what_it_wrote_is_read_before_it_is_taken_away(machine: Machine) -> None:
    fleet: Any = SimpleNamespace(flush=lambda _: None, forget=lambda _: None)  # all that one asks of it

    def slowly(_: Line) -> None:
        time.sleep(0.2)  # so that the second line is not read when the container has ended

    started = machine.engine.start(machine.container("echo first; sleep 0.1; echo last"))
    launched = Launched(started, "group", "stream", fleet, slowly)
    try:
        assert started.wait(10) == 0
    finally:
        launched.remove()
    assert launched.tail() == ["first", "last"]


def test_it_is_taken_away_though_its_lines_cannot_be_kept(machine: Machine) -> None:
    def fails(_: Launched) -> None:
        raise OSError("no room")

    fleet: Any = SimpleNamespace(flush=fails, forget=lambda _: None)
    started = machine.engine.start(machine.container("exec sleep 600"))
    launched = Launched(started, "group", "stream", fleet, None)
    with contextlib.suppress(OSError):
        launched.remove()
    assert started.exit_code() == 137
