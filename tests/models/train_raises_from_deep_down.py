"""Raises from so many calls deep that the traceback is longer than a failure file may be."""

from __future__ import annotations


def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    odd(60)


def odd(left: int) -> None:
    even(left - 1)


def even(left: int) -> None:
    if left < 0:
        raise RuntimeError("no way is left")
    odd(left - 1)
