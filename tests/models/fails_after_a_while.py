"""Loads unless there is a file `load-fails` beside it: then it raises, or crashes if the file says so."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any


def load(model_dir: Path) -> int:
    sign = model_dir / "load-fails"
    if sign.exists():
        if sign.read_text() == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        raise OSError("the weights cannot be fetched now")
    return os.getpid()


def predict(model: int, data: Any) -> int:
    return model
