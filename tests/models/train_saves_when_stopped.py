"""Never ends by itself; saves what it has when it is stopped."""

from __future__ import annotations

import time
from pathlib import Path


def train(channels: object, hyperparameters: object, model_dir: Path) -> None:
    try:
        print("training", flush=True)
        while True:
            time.sleep(1)
    finally:
        (model_dir / "saved").write_text("half")
