"""Has a handler of its own for SIGTERM, and ends well after it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path


def train(channels: object, hyperparameters: object, model_dir: Path) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("training", flush=True)
    while not stop.wait(0.05):
        pass
    (model_dir / "saved").write_text("all")
