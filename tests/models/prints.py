"""Prints what the request says: {"print": text, "times": number, "end": text, "to": "stderr", "flush": 1}."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def load(model_dir: Path) -> None:
    pass


def predict(model: None, data: dict[str, Any]) -> bool:
    for _ in range(data.get("times", 1)):
        file = getattr(sys, data.get("to", "stdout"))
        print(data["print"], end=data.get("end", "\n"), file=file, flush=data.get("flush", False))
    return True
