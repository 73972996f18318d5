"""Writes until the disk is full."""

from __future__ import annotations

from pathlib import Path


def train(channels: object, hyperparameters: object, model_dir: Path) -> None:
    with (model_dir / "weights").open("wb") as file:
        while True:
            file.write(bytes(65536))
