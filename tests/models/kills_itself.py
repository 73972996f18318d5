"""Kills its own worker where asked to: {"signal": number}; otherwise answers with its pid."""

import os


def load(model_dir):
    return None


def predict(model, data):
    if "signal" in data:
        os.kill(os.getpid(), data["signal"])
    return os.getpid()
