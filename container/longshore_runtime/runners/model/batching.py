"""Computes a batch, so that one bad item fails alone: when a call fails, each half is computed by itself.

A batch of n with one bad item takes 2 * log2(n) further calls, and half of them are of one or two items.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from typing import Any

from longshore_runtime import logs
from longshore_runtime.runners.model import failures
from longshore_runtime.runners.model.item import Item

log = logs.get("model")


class WrongPredictionsError(RuntimeError):
    """predict_batch returned something other than a prediction for each item."""


def compute(call: Callable[[list[Item]], Any], items: list[Item]) -> None:
    """Settle every item. An exception in the place of a prediction fails its item alone."""
    parts = [items]
    while parts:
        part = parts.pop()
        if part is not items:  # time has passed, and computing once more takes more of it
            part = [item for item in part if item.wanted()]
        if not part:
            continue
        try:
            predictions = call(part)
        except BaseException as error:  # noqa: BLE001  # a model may raise anything
            failure = failures.of(error)
            if len(part) == 1:
                part[0].fail(failure)
            else:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            continue
        _hand_out(predictions, part)


def _hand_out(predictions: Any, items: list[Item]) -> None:
    found = _as_list(predictions)
    if found is None or len(found) != len(items):
        what = type(predictions).__name__ + ("" if found is None else f" of {len(found)}")
        message = (
            f"predict_batch returned {what} for {len(items)} items:"
            " it must return a sequence with one prediction for each, in their order"
        )
        log.error(message)
        for item in items:
            item.fail(WrongPredictionsError(message))
        return
    for item, prediction in zip(items, found, strict=True):
        if isinstance(prediction, BaseException):  # asyncio.gather returns a CancelledError as well
            item.fail(failures.of(prediction))
        else:
            item.succeed(prediction)


def _as_list(predictions: Any) -> list[Any] | None:
    """The predictions of a list, tuple, array, tensor or series; None for what has no order, or is a text."""
    unfit = isinstance(predictions, (str, bytes, bytearray, Mapping, Set))
    if unfit or not isinstance(predictions, Collection):
        return None
    try:
        return list(predictions)
    except TypeError:  # an array without dimensions
        return None
