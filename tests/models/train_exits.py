"""Calls sys.exit() with the hyperparameter `code`."""

from __future__ import annotations

import sys


def train(channels: object, hyperparameters: dict[str, int], model_dir: object) -> None:
    sys.exit(hyperparameters["code"])
