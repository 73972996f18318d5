"""Writes until the disk is full, and makes nothing of it."""

from __future__ import annotations

import contextlib
from pathlib import Path


def train(channels: object, hyperparameters: object, model_dir: Path) -> None:
    with contextlib.suppress(OSError), (model_dir / "weights").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
