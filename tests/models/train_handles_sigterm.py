"""Has a handler of its own for SIGTERM, and ends well after it."""

from __future__ import annotations

import signal
import time
from pathlib import Path


def train(channels: object, hyperparameters: object, model_dir: Path) -> None:
    got: list[int] = []  # no Event: a handler that sets one may wait for a lock that what it interrupts has
    signal.signal(signal.SIGTERM, lambda number, _: got.append(number))
    print("training", flush=True)
    while not got:
        time.sleep(0.05)
    (model_dir / "saved").write_text("all")
