"""Does not heed SIGTERM."""

from __future__ import annotations

import signal
import time


def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("training", flush=True)
    while True:
        time.sleep(1)
