"""Does as the classic sample does: writes the failure file itself, then exits with 255."""

from __future__ import annotations

import sys
from pathlib import Path


def train(channels: object, hyperparameters: object, model_dir: Path) -> None:
    (model_dir.parent / "output" / "failure").write_text("the data is of last year")
    sys.exit(255)
