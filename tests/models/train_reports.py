"""Writes down how train() was called, and in what environment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def train(channels: dict[str, Path], hyperparameters: dict[str, Any], model_dir: Path) -> None:
    report = {
        "channels": {name: str(path) for name, path in channels.items()},
        "hyperparameters": hyperparameters,
        "model_dir": str(model_dir),
        "environment": {name: value for name, value in os.environ.items() if name.startswith("SM_")},
        "folder": str(Path.cwd()),
        "own_session": os.getsid(0) == os.getpid(),
        "argv": sys.argv[1:],
    }
    (model_dir / "report.json").write_text(json.dumps(report))
