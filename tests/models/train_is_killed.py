"""Ends as the out-of-memory killer would end it."""

from __future__ import annotations

import os
import signal


def train(channels: object, hyperparameters: object, model_dir: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
