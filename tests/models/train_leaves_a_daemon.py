"""Fails, while a fork of it, out of its process group, holds all its open files; leaves the fork's pid."""

from __future__ import annotations

import os
import time
from pathlib import Path


def train(channels: object, hyperparameters: object, model_dir: Path) -> None:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(300)
        os._exit(0)
    while os.getpgid(pid) == os.getpgid(0):
        time.sleep(0.01)
    (model_dir / "pid").write_text(str(pid))
    os._exit(3)
