"""Ends its own worker where asked to: {"exit": code}; otherwise answers with its pid."""

import os


def load(model_dir):
    return None


def predict(model, data):
    if "exit" in data:
        os._exit(data["exit"])
    return os.getpid()
