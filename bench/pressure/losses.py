"""A worker killed, a new model loaded, the server stopped, each while requests come at a steady rate."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from bench.load import CSV, check_answer
from bench.measure import say
from bench.pressure.client import Client, kinds
from bench.pressure.overload import BUSY, WORKERS
from bench.pressure.results import Loss, Results
from bench.processes import parents, tree
from bench.servers import CLASSIC, Server, running
from tests.support.open_loop import at_the_end

KILL, RELOAD, STOP = "kill", "reload", "stop"
EVENTS = {
    KILL: "a worker killed (SIGKILL)",
    RELOAD: "the model loaded anew (SIGHUP)",
    STOP: "the server stopped (SIGTERM)",
}
_APART_SECONDS = 2.0  # enough for a worker to be replaced
_FIRST_SECONDS = 1.0  # after the start of the client


def measure(results: Results, rate: float, times: int) -> None:
    """Fill results.losses. rate: requests a second, fewer than either server can answer.

    times: how often a worker is killed and the model is loaded anew.
    """
    ours = results.default_class
    for name, event in ((CLASSIC, KILL), (ours, KILL), (ours, RELOAD), (CLASSIC, STOP), (ours, STOP)):
        for keep in (True, False):
            with running(name, BUSY, WORKERS) as server:
                check_answer(server, CSV)
                _wait_for_workers(server)
                loss = _through(server, event, 1 if event == STOP else times, rate, keep)
            say(f"{event}, {name}, {'kept' if keep else 'fresh'}: {loss.before}, then {loss.after}")
            results.losses.append(loss)


def _through(server: Server, event: str, times: int, rate: float, keep: bool) -> Loss:
    with Client(server, rate, _FIRST_SECONDS + times * _APART_SECONDS, keep=keep) as client:
        time.sleep(_FIRST_SECONDS)
        began = time.monotonic()
        for number in range(times):
            time.sleep(max(0.0, began + number * _APART_SECONDS - time.monotonic()))
            _do(server, event, number)
        outcomes = client.outcomes() if event != STOP else at_the_end(client.outcomes())
    before = [outcome for outcome in outcomes if outcome.due + outcome.late < began]
    after = [outcome for outcome in outcomes if outcome.due + outcome.late >= began]
    return Loss(server.name, event, times, keep, kinds(before), kinds(after))


def _do(server: Server, event: str, number: int) -> None:
    if event == KILL:
        found = workers(server)
        with suppress(ProcessLookupError):
            os.kill(found[number % len(found)], signal.SIGKILL)
    else:
        os.kill(server.pid, signal.SIGHUP if event == RELOAD else signal.SIGTERM)


def workers(server: Server) -> list[int]:
    """The pids of gunicorn's workers: its processes that gunicorn has started."""
    above = parents()
    gunicorns = [pid for pid in tree(server.pid) if "gunicorn" in _command(pid)]
    return [pid for pid in gunicorns if above.get(pid) in gunicorns]


def _wait_for_workers(server: Server) -> None:
    while len(workers(server)) < server.workers:
        time.sleep(0.05)
    time.sleep(1)  # what the second worker still has to load


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
