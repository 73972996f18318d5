"""Raises, three calls deep, with a message of two lines."""

from __future__ import annotations


def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    fit(150)


def fit(rows: int) -> None:
    check(rows)


def check(rows: int) -> None:
    raise ValueError(f"{rows} rows are too few,\nand they are all alike")
