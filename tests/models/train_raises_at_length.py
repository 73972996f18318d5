"""Raises with more text than a failure file may hold, some of it beyond ASCII and beyond UTF-8."""

from __future__ import annotations


def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    raise ValueError("é\ud800" * 3000)
