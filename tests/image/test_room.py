"""Room in memory for large bodies, by itself, under real threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model.room import Room
from tests.support.server import PATIENCE, wait_until

CONTEXT = Context(request_id="")


class Holders:
    """Threads that hold room until they are told to leave; entered are their names in the order of entry."""

    def __init__(self, room: Room, pool: ThreadPoolExecutor) -> None:
        self.room = room
        self.entered: list[str] = []
        self._pool = pool
        self._leave: dict[str, threading.Event] = {}

    def ask(self, name: str, size: int, seconds: float = PATIENCE) -> Future[None]:
        """Comes back when the room has let it in, has it wait, or has refused it."""
        self._leave[name] = threading.Event()
        waiting = self.room.waiting
        future = self._pool.submit(self._hold, name, size, time.monotonic() + seconds)
        wait_until(lambda: name in self.entered or self.room.waiting > waiting or future.done(), name)
        return future

    def leave(self, name: str) -> None:
        self._leave[name].set()

    def leave_all(self) -> None:
        for event in self._leave.values():
            event.set()

    def _hold(self, name: str, size: int, deadline: float) -> None:
        with self.room.hold(size, CONTEXT, deadline):
            self.entered.append(name)
            self._leave[name].wait(PATIENCE)


@pytest.fixture
def holders() -> object:
    with ExitStack() as stack:
        one = Holders(Room(100), stack.enter_context(ThreadPoolExecutor(16)))
        stack.callback(one.leave_all)
        yield one


def test_what_fits_is_let_in_and_the_rest_waits_in_its_order(holders: Holders) -> None:
    for name, size in (("a", 60), ("b", 40), ("large", 80), ("small", 1)):
        holders.ask(name, size)
    assert holders.entered == ["a", "b"]
    assert holders.room.waiting == 2
    holders.leave("b")
    time.sleep(0.05)  # time to do wrong: what is large must not starve
    assert holders.entered == ["a", "b"]
    holders.leave("a")
    wait_until(lambda: len(holders.entered) == 4, "the rest")
    assert sorted(holders.entered[2:]) == ["large", "small"]
    assert holders.room.waiting == 0


def test_what_is_larger_than_all_the_room_is_let_in_alone(holders: Holders) -> None:
    holders.ask("huge", 1000)
    assert holders.entered == ["huge"]
    holders.ask("another", 1000)
    holders.ask("small", 1)
    assert holders.entered == ["huge"]
    holders.leave("huge")
    wait_until(lambda: holders.entered == ["huge", "another"], "the other")
    assert holders.room.waiting == 1
    holders.leave("another")
    wait_until(lambda: len(holders.entered) == 3, "all")


def test_who_has_waited_too_long_gets_503_and_makes_way(holders: Holders) -> None:
    holders.ask("a", 60)
    late = holders.ask("late", 80, seconds=0.3)
    holders.ask("small", 1)
    with pytest.raises(RequestError) as refused:
        late.result()
    assert refused.value.status == 503
    wait_until(lambda: holders.entered == ["a", "small"], "the one behind it")


def test_room_is_given_back_by_whoever_fails() -> None:
    room = Room(100)
    for _ in range(3):
        with pytest.raises(KeyError), room.hold(100, CONTEXT, time.monotonic() + 1):
            raise KeyError
