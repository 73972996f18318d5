"""The queue by itself, under real threads."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from longshore_runtime.errors import RequestError
from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model import batching
from longshore_runtime.runners.model.calls import Calls
from longshore_runtime.runners.model.item import Item
from longshore_runtime.runners.model.queue import ModelQueue
from tests.support.server import PATIENCE, wait_until


def item(data: Any) -> Item:
    return Item(data, Context(request_id=""), time.monotonic() + PATIENCE)


def predicted(queue: ModelQueue, one: Item) -> Any:
    queue.settle(one)
    return one.result()


@pytest.mark.parametrize("most", [1, 8])
@pytest.mark.parametrize("at_once", [1, 3])
def test_every_thread_gets_its_own_prediction_and_no_more_run_than_may(at_once: int, most: int) -> None:
    running, peak, guard = 0, 0, threading.Lock()

    def call(part: list[Item]) -> list[Any]:
        nonlocal running, peak
        with guard:
            running += 1
            peak = max(peak, running)
        assert len(part) <= most
        time.sleep(0.0005)  # the others come in
        bad = any(one.data % 50 == 7 for one in part)
        with guard:
            running -= 1
        if bad:
            raise KeyError
        return [-one.data for one in part]

    queue = ModelQueue(
        lambda items: batching.compute(call, items), Calls(), at_once=at_once, places=1000, most=most
    )

    def ask(number: int) -> None:
        if number % 50 == 7:
            with pytest.raises(KeyError):
                predicted(queue, item(number))
        else:
            assert predicted(queue, item(number)) == -number

    with ThreadPoolExecutor(32) as pool:
        assert len(list(pool.map(ask, range(2000)))) == 2000
    assert peak == at_once
    assert queue._free == at_once


def test_batches_are_no_larger_than_the_target_lets_expect() -> None:
    calls, sizes, gate = Calls(), [], threading.Event()
    for n in (1, 4, 16) * 10:
        calls.costs.observe(n, 0.001 * n + 0.005)

    def compute(items: list[Item]) -> None:
        sizes.append(len(items))
        gate.wait()
        for one in items:
            one.succeed(None)

    queue = ModelQueue(compute, calls, places=100, most=64, target=0.0151)
    with ThreadPoolExecutor(32) as pool:
        asked = [pool.submit(predicted, queue, item(0))]
        wait_until(lambda: sizes, "the first call")
        asked += [pool.submit(predicted, queue, item(0)) for _ in range(25)]
        wait_until(lambda: len(queue._waiting) == 25, "the others")
        gate.set()
        for one in asked:
            one.result()
    assert sizes == [1, 10, 10, 5]


def test_a_thread_that_is_ended_while_it_computes_leaves_nobody_waiting() -> None:
    gate, begun = threading.Event(), threading.Event()

    def compute(items: list[Item]) -> None:
        begun.set()
        gate.wait()
        if len(items) == 2:
            raise GeneratorExit  # as greenlets are ended
        items[0].succeed("done")

    queue = ModelQueue(compute, Calls(), places=10, most=2)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(predicted, queue, item(0))
        begun.wait()
        pair = [pool.submit(predicted, queue, item(0)) for _ in range(2)]
        wait_until(lambda: len(queue._waiting) == 2, "the others")
        gate.set()
        assert first.result() == "done"
        assert {type(one.exception()) for one in pair} == {GeneratorExit, RuntimeError}
        assert predicted(queue, item(0)) == "done"


def test_what_is_late_before_it_is_read_is_refused() -> None:
    queue = ModelQueue(lambda items: None, Calls(), places=10)
    with pytest.raises(RequestError):
        queue.admit(deadline=0.0)


@pytest.mark.parametrize("fails", [True, False])
def test_a_settled_item_keeps_no_data_alive(fails: bool) -> None:
    """Not until the garbage collector comes: data may be large."""

    def compute(items: list[Item]) -> None:
        (one,) = items
        if not fails:
            return one.succeed(None)
        try:
            raise KeyError(one.data)
        except KeyError as error:
            error.args = ()
            return one.fail(error)

    data = np.zeros(3)
    alive = weakref.ref(data)
    one = item(data)
    del data
    gc.disable()
    try:
        with contextlib.suppress(KeyError):
            predicted(ModelQueue(compute, Calls(), places=1), one)
        assert alive() is None
        context = weakref.ref(one.context)
        del one
        assert context() is None, "an error's traceback leads back to its item"
    finally:
        gc.enable()
