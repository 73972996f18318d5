"""Kills its own worker where asked to: {"signal": number}; otherwise answers with its pid."""

import os
import time


def load(model_dir):
    return None


def predict(model, data):
    if "signal" in data:
        os.kill(os.getpid(), data["signal"])
        time.sleep(60)  # another thread may be the one that dies of it
    return os.getpid()
