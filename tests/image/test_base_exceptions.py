"""User code that raises a BaseException other than Exceptions: CancelledError, panics, sys.exit() and kin."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model import batching
from longshore_runtime.runners.model.item import Item
from tests.image.test_serve import assert_problem
from tests.support.server import Server

KINDS = ("CancelledError", "GeneratorExit", "KeyboardInterrupt", "PanicException", "SystemExit")
CLASSES = ("gthread", "gevent")
GOOD = {"good": True}


def server(folder: Path, model: str, worker_class: str) -> Server:
    return Server(folder, model, MODEL_SERVER_WORKERS=1, MODEL_SERVER_WORKER_CLASS=worker_class)


@pytest.mark.parametrize("worker_class", CLASSES)
@pytest.mark.parametrize("model", ["raises_anything", "raises_anything_in_batches"])
def test_each_is_a_500_with_its_request_id_and_its_traceback_in_the_log(
    tmp_path: Path, model: str, worker_class: str
) -> None:
    places = ["decode", "predict", "encode", *(["instead"] if "batches" in model else [])]
    with server(tmp_path, model, worker_class) as one:
        worker = one.workers()
        for where in places:
            for what in KINDS:
                name = f"{where}-{what}"
                bad = one.post({"where": where, "what": what}, X_Amzn_SageMaker_Inference_Id=name)
                assert assert_problem(bad, 500)["request_id"] == name
                assert one.post(GOOD).json() == GOOD
        failed = {
            str(line["request_id"]): str(line["exception"]) for line in one.log() if "exception" in line
        }
        assert len(failed) == len(places) * len(KINDS)
        for name, told in failed.items():
            assert f"{name.partition('-')[2]}: of the model" in told
        assert one.workers() == worker


@pytest.mark.parametrize("worker_class", CLASSES)
@pytest.mark.parametrize("where", ["predict", "instead"])
def test_the_good_ones_of_its_batch_get_their_answers(tmp_path: Path, where: str, worker_class: str) -> None:
    bad = {"where": where, "what": "CancelledError"}
    with server(tmp_path, "raises_anything_in_batches", worker_class) as one, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one.post, [bad if number % 8 == 5 else GOOD for number in range(64)]))
        assert [answer.status_code for answer in answers] == [500 if n % 8 == 5 else 200 for n in range(64)]


@pytest.mark.parametrize("instead", [True, False])
def test_one_in_a_batch_fails_its_item_alone(instead: bool) -> None:
    items = [Item(number, Context(request_id=""), float("inf")) for number in range(7)]

    def call(part: list[Item]) -> list[object]:
        answers: list[object] = [one.data for one in part]
        if 3 in answers:
            if not instead:
                raise GeneratorExit
            answers[answers.index(3)] = GeneratorExit()
        return answers

    batching.compute(call, items)
    assert [one.prediction for one in items] == [0, 1, 2, None, 4, 5, 6]
    with pytest.raises(RuntimeError) as caught:
        items[3].result()
    assert isinstance(caught.value.__cause__, GeneratorExit)


def test_what_only_works_in_the_main_thread_is_no_fault_of_the_caller(tmp_path: Path) -> None:
    with Server(
        tmp_path, "raises_anything", MODEL_SERVER_WORKERS=1, MODEL_SERVER_PREDICT_CONCURRENCY=2
    ) as one:
        assert_problem(one.post({"where": "signal"}), 500)
        assert "signal only works in main thread" in one.stderr
