"""predict_batch: what waits is computed together, and every item gets its own answer or its own error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_runtime import settings
from longshore_runtime.runners.base import Context
from longshore_runtime.runners.model import batching
from longshore_runtime.runners.model.item import Item
from longshore_runtime.runners.model.runner import _tell_of_idle_settings
from tests.image.test_serve import assert_problem
from tests.support.gated import gated
from tests.support.server import Server, wait_until

BATCHES = "gated_batches"


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_what_waits_while_the_model_computes_is_the_next_batch(tmp_path: Path, worker_class: str) -> None:
    with gated(tmp_path, BATCHES, MODEL_SERVER_WORKER_CLASS=worker_class) as one:
        sent = {name: one.stuck(name) if name == "a" else one.send(name) for name in "abcde"}
        one.open(waiting=4)
        for name, request in sent.items():
            assert request.result().json() == [name]
            assert request.result().headers["X-Batch"] == ("1" if name == "a" else "4")
        assert one.calls() == [["a"], ["b", "c", "d", "e"]]


def test_a_batch_has_at_most_as_many_as_the_setting_says(tmp_path: Path) -> None:
    with gated(tmp_path, BATCHES, MODEL_SERVER_MAX_BATCH_SIZE=2) as one:
        sent = [one.stuck("a"), *(one.send(name) for name in "bcdef")]
        one.open(waiting=5)
        assert [request.result().json() for request in sent] == [[name] for name in "abcdef"]
        assert one.calls() == [["a"], ["b", "c"], ["d", "e"], ["f"]]


def test_a_batch_waits_for_more_where_it_is_told_to_and_no_longer_than_until_it_is_full(
    tmp_path: Path,
) -> None:
    with gated(
        tmp_path, BATCHES, MODEL_SERVER_MAX_BATCH_SIZE=2, MODEL_SERVER_MAX_BATCH_DELAY_MS=10_000
    ) as one:
        first = one.send("a")
        assert one.post("b").json() == ["b"]
        assert first.result().json() == ["a"]
        assert one.calls() == [["a", "b"]]


def test_a_batch_that_does_not_fill_is_computed_after_the_delay(tmp_path: Path) -> None:
    with gated(tmp_path, BATCHES, MODEL_SERVER_MAX_BATCH_DELAY_MS=20) as one:
        assert one.post("alone").json() == ["alone"]


def test_one_bad_item_fails_alone_in_its_own_words(tmp_path: Path) -> None:
    with gated(tmp_path, BATCHES) as one:
        sent = {name: one.stuck(name) if name == "a" else one.send(name) for name in "abc"}
        bad, broken = one.send("bad", **{"raise": "ValueError"}), one.send("broken", **{"raise": "KeyError"})
        exits = one.send("exits", **{"raise": "SystemExit"})
        one.open(waiting=5)
        assert [request.result().json() for request in sent.values()] == [["a"], ["b"], ["c"]]
        assert assert_problem(bad.result(), 422)["detail"] == "bad is bad"
        assert_problem(broken.result(), 500)
        assert_problem(exits.result(), 500)


def test_an_exception_in_an_items_place_fails_it_alone_without_another_call(tmp_path: Path) -> None:
    with gated(tmp_path, BATCHES) as one:
        first, good, bad = one.stuck("a"), one.send("b"), one.send("c", refuse=True)
        one.open(waiting=2)
        assert (first.result().json(), good.result().json()) == (["a"], ["b"])
        assert assert_problem(bad.result(), 422)["detail"] == "not c"
        assert one.calls() == [["a"], ["b", "c"]]


@pytest.mark.parametrize(
    ("answer", "said"), [("short", "list of 1"), ("text", "str"), ("nothing", "NoneType")]
)
def test_a_wrong_answer_of_predict_batch_is_500_for_all_and_the_log_says_what_is_wrong(
    tmp_path: Path, answer: str, said: str
) -> None:
    with gated(tmp_path, BATCHES) as one:
        first, *sent = one.stuck("a"), one.send("b", answer=answer), one.send("c")
        one.open(waiting=2)
        for request in sent:
            assert_problem(request.result(), 500)
        assert first.result().status_code == 200
        assert f"predict_batch returned {said} for 2 items" in one.server.stderr
        assert one.calls() == [["a"], ["b", "c"]]


def test_each_item_of_a_batch_is_encoded_as_its_client_accepts(tmp_path: Path) -> None:
    with gated(tmp_path, BATCHES) as one:
        first = one.stuck("a")
        csv, json, neither = one.send("b", "text/csv"), one.send("c"), one.send("d", "image/png")
        one.open(waiting=3)
        assert first.result().status_code == 200
        assert csv.result().text == "b\n"
        assert csv.result().headers["Content-Type"].startswith("text/csv")
        assert json.result().json() == ["c"]
        assert_problem(neither.result(), 406)
        assert one.calls() == [["a"], ["b", "c", "d"]]


def test_batches_raise_what_a_transform_job_sends_at_once(tmp_path: Path) -> None:
    with gated(tmp_path, BATCHES, MODEL_SERVER_MAX_BATCH_SIZE=4) as one:
        assert one.server.get("/execution-parameters").json()["MaxConcurrentTransforms"] == 4


def test_predict_batch_works_among_sagemakers_functions(tmp_path: Path) -> None:
    with Server(tmp_path, "sagemaker_predict_batch", MODEL_SERVER_WORKERS=1) as server:
        assert server.post(21, Accept="text/plain").text == "42 as text/plain"


def test_transform_fn_and_predict_batch_cannot_both_answer(tmp_path: Path) -> None:
    with Server(tmp_path, "transform_fn_and_predict_batch", wait=False) as server:
        assert server.wait_exit() == 3
        assert "it has transform_fn and predict_batch: only one can answer" in server.stderr


@pytest.mark.parametrize("preload", ["auto", "never"])
def test_settings_for_batches_without_predict_batch_are_told_in_one_line(
    tmp_path: Path, preload: str
) -> None:
    variables: dict[str, Any] = {"MODEL_SERVER_MAX_BATCH_SIZE": 64, "MODEL_SERVER_LATENCY_TARGET_MS": 50}
    variables |= {"MODEL_SERVER_WORKERS": 2, "MODEL_SERVER_PRELOAD": preload}
    with Server(tmp_path, "rowsum", **variables) as server:
        wait_until(lambda: server.stderr.count("has loaded in") == 2, "both workers")
        (line,) = (line for line in server.log() if "without effect" in line["message"])
    assert line["level"] == "WARNING"
    assert line["message"].startswith("MODEL_SERVER_MAX_BATCH_SIZE, MODEL_SERVER_LATENCY_TARGET_MS: set, but")
    assert "Write predict_batch(model, items), or unset this." in line["message"]


def test_settings_for_batches_with_predict_batch_are_nothing_to_tell(tmp_path: Path) -> None:
    with Server(tmp_path, BATCHES, MODEL_SERVER_WORKERS=1, MODEL_SERVER_MAX_BATCH_DELAY_MS=1) as server:
        assert "without effect" not in server.stderr


def test_they_are_told_where_nothing_can_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    variables = {"MODEL_SERVER_MAX_BATCH_SIZE": "64"}
    nowhere = replace(settings.load(variables), run_dir=tmp_path / "has gone")
    _tell_of_idle_settings(nowhere, tmp_path / "inference.py")
    assert "MODEL_SERVER_MAX_BATCH_SIZE: set, but without effect" in caplog.text


def items(count: int) -> list[Item]:
    return [Item(number, Context(request_id=str(number)), float("inf")) for number in range(count)]


@given(count=st.integers(1, 70), data=st.data())
def test_whatever_items_are_bad_they_alone_fail_and_each_other_gets_its_own_prediction(
    count: int, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1)))
    batch, calls = items(count), 0

    def call(part: list[Item]) -> list[Any]:
        nonlocal calls
        calls += 1
        for item in part:
            if item.data in bad:
                raise ValueError(item.data)
        return [-item.data for item in part]

    batching.compute(call, batch)
    for number, item in enumerate(batch):
        assert item.settled
        if number in bad:
            assert str(item.error) == str(number)
        else:
            assert (item.error, item.prediction) == (None, -number)
    assert calls <= 1 + 2 * len(bad) * count.bit_length()


def test_an_item_nobody_waits_for_any_longer_is_not_computed_again() -> None:
    batch, seen = items(4), []

    def call(part: list[Item]) -> list[Any]:
        seen.append([item.data for item in part])
        batch[1].deadline = 0.0  # it expires during the first call
        if len(part) == 4:
            raise RuntimeError
        return [item.data for item in part]

    batching.compute(call, batch)
    assert seen == [[0, 1, 2, 3], [0], [2, 3]]
    assert batch[1].error is not None
    assert [item.prediction for item in batch if item.error is None] == [0, 2, 3]
