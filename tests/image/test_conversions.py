"""Decodes and encodes that hang: seen as a hung predict is; one that only waits for others is not."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longshore_runtime.runners.base import Step
from longshore_runtime.runners.model.conversions import Conversions
from longshore_runtime.serving.blackbox import BlackBox
from tests.support.server import Server, wait_until


def test_the_oldest_that_runs_is_told_and_none_that_has_ended() -> None:
    conversions, now = Conversions(), time.monotonic()
    assert conversions.look() is None
    older = conversions.begin(now - 2, "one", "a decode")
    newer = conversions.begin(now - 1, "two", "an encode")
    assert conversions.look() == Step(now - 2, "a decode")
    conversions.end(older)
    assert conversions.look() == Step(now - 1, "an encode")
    conversions.end(newer)
    assert conversions.look() is None


def test_the_black_box_has_those_that_run_for_long_and_since_when() -> None:
    box = BlackBox()
    conversions, now = Conversions(box), time.monotonic()
    long = conversions.begin(now - 5, "long", "a decode")
    conversions.begin(now + 5, "short", "a decode")
    for _ in range(2):
        conversions.look()
        assert [(call.began, call.ids) for call in box.calls()] == [(now - 5, ["long"])]
    conversions.end(long)
    conversions.look()
    assert box.calls() == []


@pytest.mark.parametrize("model", ["hangs_in_decode", "hangs_in_encode"])
def test_every_worker_stuck_in_one_is_a_503_on_ping_and_the_death_names_the_request(
    tmp_path: Path, model: str
) -> None:
    """As the log has it: the 503 may last a moment, because the watchdog looks once a second, too. If it is
    first, it is tried again."""
    with Server(tmp_path, model, MODEL_SERVER_WORKERS=1, MODEL_SERVER_TIMEOUT=2) as server:
        server.hang({"hang": True}, lambda: "/ping says 503: Every worker" in server.stderr, "the 503")
        wait_until(
            lambda: "/ping says 200 again" in server.stderr, "the worker in its place", seen=server.seen
        )
        deaths = [line for line in server.log() if "cause" in line]
        told = {(death["cause"], *death["computing"][:1]) for death in deaths}
        assert told == {("time-out", "too long")}


def test_waiting_for_the_model_is_no_hang(tmp_path: Path) -> None:
    """One at a time, each shorter than the limit, all of them longer: those that wait have been decoded."""
    with (
        Server(tmp_path, "hangs_in_decode", MODEL_SERVER_WORKERS=1, MODEL_SERVER_TIMEOUT=3) as server,
        ThreadPoolExecutor() as pool,
    ):
        worker = server.workers()
        answers = list(pool.map(lambda _: server.post({"sleep": 1.0}), range(8)))
        assert {answer.status_code for answer in answers} == {200, 503}
        assert server.post({}).json() == worker[0]
