"""Ends while a process it started still runs, whose pid it prints."""

from __future__ import annotations

import subprocess


def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    process = subprocess.Popen(["sleep", "300"])
    print(process.pid, flush=True)
